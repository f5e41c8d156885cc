"""Conditions over what checks observe: one expression language, CEL. Pure: facts in, a judgement out."""

from salus.conditions.condition import Condition, Facts, Judgement, compile_condition
from salus.conditions.history import History, Window
from salus.conditions.references import Call

__all__ = ["Call", "Condition", "Facts", "History", "Judgement", "Window", "compile_condition"]
