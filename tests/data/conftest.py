"""The small workspace whose files tests replace one by one."""

from small_workspace import sound_indicators, write_workspace

__all__ = ["sound_indicators", "write_workspace"]
