"""How records are written: each format turns bytes into a JSON object."""

#: The formats by the names that pipeline files use.
FORMATS = (
    "json",
    "csv",
    "msgpack",
    "avro",
    "protobuf",
    "text",
    "common",
    "combined",
    "syslog",
    "logfmt",
    "pattern",
)
