"""The plot page of the admin site: what was downloaded by day, and what was taken most."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.safestring import SafeString

from getapi import conf, plot
from getapi.services import usage

LAST = 30
"""Days that are shown to who asks for none."""

SHORTCUTS = (("7 days", 7), ("30 days", 30), ("90 days", 90), ("1 year", 365))
UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")


class PlotForm(forms.Form):
    first = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(label="To", widget=forms.DateInput(attrs={"type": "date"}))
    key = forms.TypedChoiceField(label="Key", coerce=int, empty_value=None, required=False)
    robots = forms.BooleanField(label="with robots", required=False)
    double_clicks = forms.BooleanField(label="with double clicks", required=False)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["key"].choices = [("", "all"), *usage.keys()]  # type: ignore[attr-defined] # a choice field's

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("first"), cleaned.get("last")
        if first and last and first > last:
            raise forms.ValidationError("“From” is later than “To”.")
        if first and last and (last - first).days >= usage.LONGEST:
            raise forms.ValidationError(f"At most {usage.LONGEST // 366} years can be shown at once.")
        if last and last.year > 9000:
            raise forms.ValidationError("There is no such day yet.")
        return cleaned


def show(asked: dict[str, Any]) -> dict[str, object]:
    """What the page's template needs. ``asked``: the form's fields as they came; nothing: the last days."""
    today = timezone.now().astimezone(conf.current().zone).date()
    form = PlotForm(asked or _last(today, LAST), label_suffix="")
    shortcuts = [(name, _last(today, days)) for name, days in SHORTCUTS]
    if not form.is_valid():
        return {"form": form, "shortcuts": shortcuts}
    given = form.cleaned_data
    question = usage.Question(
        first=given["first"],
        last=given["last"],
        zone=conf.current().zone,
        key_id=given["key"],
        robots=given["robots"],
        double_clicks=given["double_clicks"],
    )
    periods = usage.by_period(question)
    return {
        "form": form,
        "shortcuts": shortcuts,
        "period": "month" if question.by_month else "day",
        "count": f"{sum(period.count for period in periods):,}",
        "octets": octets(sum(period.bytes for period in periods)),
        "pictures": [_downloads(periods, by_month=question.by_month), _octets(periods, by_month=question.by_month)],
        "periods": [(_day(period, by_month=question.by_month), period.count, octets(period.bytes)) for period in periods],
        "taken": [(taken, octets(taken.bytes)) for taken in usage.most_taken(question)],
    }


def octets(count: int) -> str:
    """With a unit of a power of 1,000 and three digits: ``1.23 GB``, ``45.6 kB``, ``789 bytes``."""
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    digits = 0 if unit == 0 or value >= 99.95 else 1 if value >= 9.995 else 2
    text = f"{value:.{digits}f}"
    told = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{told}\N{NO-BREAK SPACE}{'byte' if count == 1 else UNITS[unit]}"


def _datastreams(count: int) -> str:
    return f"{count:,} {'datastream' if count == 1 else 'datastreams'}"


def _last(today: Any, days: int) -> dict[str, str]:
    return {"first": (today - timedelta(days=days - 1)).isoformat(), "last": today.isoformat()}


def _day(period: usage.Period, *, by_month: bool) -> str:
    return period.day.isoformat()[: 7 if by_month else 10]


def _label(period: usage.Period, *, by_month: bool) -> str:
    """Short enough to stand below a bar."""
    return datetime.combine(period.day, datetime.min.time()).strftime("%b %Y" if by_month else "%-d %b")


def _downloads(periods: list[usage.Period], *, by_month: bool) -> SafeString:
    found = [
        plot.Bar(
            label=_label(period, by_month=by_month),
            value=period.count,
            told=f"{_day(period, by_month=by_month)}: {_datastreams(period.count)}",
        )
        for period in periods
    ]
    return _safe(plot.bars("downloads", "Datastreams that were delivered whole", found, shown=lambda value: f"{value:,}"))


def _octets(periods: list[usage.Period], *, by_month: bool) -> SafeString:
    found = [
        plot.Bar(
            label=_label(period, by_month=by_month), value=period.bytes, told=f"{_day(period, by_month=by_month)}: {octets(period.bytes)}"
        )
        for period in periods
    ]
    return _safe(plot.bars("bytes", "Their size", found, shown=octets))


def _safe(svg: str) -> SafeString:
    """``plot`` escapes what it is given."""
    return SafeString(svg)
