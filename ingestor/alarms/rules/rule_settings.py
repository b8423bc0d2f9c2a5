"""The settings of all rules for one sensor, as the registry lists the rules."""

from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from pydantic import AliasChoices, Field, create_model

from ingestor.alarms.rules.registry import RULES
from ingestor.alarms.rules.rule import AlarmRule, S
from ingestor.alarms.rules.setting_types import ConfigTable, RuleSettings

RULE_NAMES = tuple(rule.name for rule in RULES)
READING_RULES = tuple(rule for rule in RULES if rule.state is not None)
READING_RULE_NAMES = tuple(rule.name for rule in READING_RULES)
ALIASES = {rule.alias: rule.name for rule in RULES if rule.alias}


class RuleTables(ConfigTable):
    """A table of settings for each rule, in a field of its name."""

    def of(self, rule: AlarmRule[S]) -> S:
        """The settings of one rule."""
        return cast("S", getattr(self, rule.name))

    def named(self, name: str) -> RuleSettings:
        """The settings of one rule by its name."""
        return cast("RuleSettings", getattr(self, name))

    @cached_property
    def reading_rules(self) -> tuple[AlarmRule[Any], ...]:
        """The rules over readings that are on."""
        return tuple(rule for rule in READING_RULES if self.of(rule).is_on)

    @cached_property
    def looks_back(self) -> bool:
        """Whether the state of a sensor does not follow from its alarms and its next reading alone."""
        return any(self.of(rule).looks_back for rule in self.reading_rules)


if TYPE_CHECKING:
    AllRuleSettings = RuleTables
else:
    _fields: dict[str, Any] = {}
    for rule in RULES:
        names = AliasChoices(rule.name, rule.alias or rule.name)
        _fields[rule.name] = rule.settings, Field(rule.settings(), validation_alias=names)
    AllRuleSettings = create_model("AllRuleSettings", __base__=RuleTables, **_fields)
