"""Members: learners over dense rows of numbers, of which ensembles are made."""

from aimass.models.members.base import ArrayMember, Member
from aimass.models.members.forest import ForestClassifier, ForestRegressor
from aimass.models.members.linear import LinearClassifier, LinearRegressor

__all__ = ["ArrayMember", "ForestClassifier", "ForestRegressor", "LinearClassifier", "LinearRegressor", "Member"]
