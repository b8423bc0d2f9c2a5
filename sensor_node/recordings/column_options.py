"""The meaning of a recording's columns, as options and scenarios give it.

Apart from the code that finds the columns: a scenario without recordings need not load pyarrow.
"""

from typing import Literal

from pydantic import BaseModel, Field


class Columns(BaseModel):
    """The columns of a recording; those without a name are found by their usual names or their contents."""

    time: str | None = Field(None, description="column with the times")
    value: str | None = Field(None, description="column with the values")
    sensor: str | None = Field(None, description="column with the sensor ids, for several sensors")
    unit: Literal["kWh", "Wh", "MWh"] = Field("kWh", description="unit of the values")
    cumulative: bool = Field(False, description="the values are register readings; their differences count")
    stamps: Literal["start", "end"] = Field("end", description="which end of its interval a time marks")
