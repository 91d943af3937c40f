"""Cells that a spreadsheet would run as a formula, made harmless on the way out and read back as they were."""

# What a spreadsheet takes for the beginning of a formula, in full width, too; and the quotation mark, behind
# which it would find one. Tabs and line ends never stand in a cell.
_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", '"')
_MARK = "'"


def neutral(cell: str) -> str:
    """`cell` as a spreadsheet only shows it, whatever it begins with: behind an apostrophe where that is needed.

    So is a cell that looks as if this had been done to it: `as_it_was` gives back every cell.
    """
    return _MARK + cell if cell.lstrip(_MARK).startswith(_STARTS) else cell


def as_it_was(cell: str) -> str:
    """A cell without the apostrophe that `neutral` put before it."""
    is_marked = cell.startswith(_MARK) and cell.lstrip(_MARK).startswith(_STARTS)
    return cell.removeprefix(_MARK) if is_marked else cell
