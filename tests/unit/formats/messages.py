"""A Protobuf file for tests, as protoc would describe it."""

from google.protobuf import any_pb2, duration_pb2, empty_pb2, field_mask_pb2, struct_pb2, timestamp_pb2, wrappers_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

KINDS = {
    "double": Field.TYPE_DOUBLE,
    "float": Field.TYPE_FLOAT,
    "int64": Field.TYPE_INT64,
    "uint64": Field.TYPE_UINT64,
    "int32": Field.TYPE_INT32,
    "bool": Field.TYPE_BOOL,
    "string": Field.TYPE_STRING,
    "bytes": Field.TYPE_BYTES,
}


def message(file_or_message, called, /, **fields):
    """Add a message: fields as `name="kind"`, `"*kind"` (repeated), `"?kind"` (optional), `".type"` or `"#.enum"`."""
    nested = hasattr(file_or_message, "message_type")
    made = (file_or_message.message_type if nested else file_or_message.nested_type).add(name=called)
    for number, (field, kind) in enumerate(fields.items(), 1):
        one = made.field.add(name=field, number=number, label=Field.LABEL_OPTIONAL)
        if kind.startswith("*"):
            one.label, kind = Field.LABEL_REPEATED, kind[1:]
        if kind.startswith("?"):
            one.proto3_optional, kind = True, kind[1:]
            one.oneof_index = len(made.oneof_decl)
            made.oneof_decl.add(name=f"_{field}")
        if kind.startswith(("#", ".")):
            one.type = Field.TYPE_ENUM if kind[0] == "#" else Field.TYPE_MESSAGE
            one.type_name = kind.lstrip("#")
        else:
            one.type = KINDS[kind]
    return made


def file(name="pump.proto", package="t", syntax="proto3", imports=()):
    return FileDescriptorProto(name=name, package=package, syntax=syntax, dependency=imports)


def pump():
    """Return a file with messages of many kinds."""
    names = ("timestamp", "duration", "wrappers", "struct", "any", "field_mask", "empty")
    made = file(imports=[f"google/protobuf/{name}.proto" for name in names])
    colours = made.enum_type.add(name="Colour")
    colours.value.add(name="RED", number=0)
    colours.value.add(name="GREEN", number=1)
    one = message(
        made,
        "Pump",
        name="string",
        speed="double",
        count="int64",
        total="uint64",
        is_on="bool",
        raw="bytes",
        colour="#.t.Colour",
        maybe="?double",
        parts="*.t.Pump.Part",
        numbers="*int64",
        sizes="*.t.Pump.SizesEntry",
        flags="*.t.Pump.FlagsEntry",
        inner=".t.Pump",
    )
    message(one, "Part", id="int32")
    for name, key, value in (("SizesEntry", "string", ".t.Pump.Part"), ("FlagsEntry", "bool", "int64")):
        message(one, name, key=key, value=value).options.map_entry = True
    known = ".google.protobuf."
    message(
        made,
        "Known",
        at=f"{known}Timestamp",
        took=f"{known}Duration",
        big=f"{known}Int64Value",
        ratio=f"{known}DoubleValue",
        blob=f"{known}BytesValue",
        free=f"{known}Struct",
        list=f"{known}ListValue",
        value=f"{known}Value",
        any=f"{known}Any",
        mask=f"{known}FieldMask",
        empty=f"{known}Empty",
    )
    return made


def described(*files):
    """Return what `protoc --descriptor_set_out` writes of files."""
    return FileDescriptorSet(file=files).SerializeToString()


def classes(*files):
    """Return what gives the class of a message, by its full name."""
    pool = DescriptorPool()
    for module in (any_pb2, duration_pb2, empty_pb2, field_mask_pb2, struct_pb2, timestamp_pb2, wrappers_pb2):
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    for one in files:
        pool.AddSerializedFile(one.SerializeToString())
    return lambda name: GetMessageClass(pool.FindMessageTypeByName(name))
