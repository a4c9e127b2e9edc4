"""A field of a form that picks one of thousands: a text field that a script (web/pick.js) completes while one types. Without the
script what is typed is looked up: a name, number or code; what is not one row alone is refused with the candidates."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.forms.utils import flatatt
from django.utils.html import format_html
from django.utils.safestring import SafeString

from registry.access.actors import Action, Actor
from registry.assets import picking
from registry.problems import Invalid


class Typed(NamedTuple):
    """What stands in the field, and the id of what the script chose for it, which counts while the text is still that row's."""

    text: str
    id: str


class PickInput(forms.TextInput):
    """`name` holds the text, `name.id` the id."""

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Typed:
        return typed_in(data, name)

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        return name not in data

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        shown = value if isinstance(value, Typed) else Typed(str(value or ""), "")
        given = self.build_attrs(self.attrs, attrs) | {"type": "text", "name": name, "value": shown.text}
        return format_html(
            '<span class="pick"><input{}><input type="hidden" name="{}.id" value="{}" data-picked></span>',
            flatatt(given),
            name,
            shown.id,
        )


def typed_in(data: Mapping[str, Any], name: str) -> Typed:
    return Typed(str(data.get(name) or ""), str(data.get(f"{name}.id") or ""))


class Picked(forms.Field):
    """One row of picking.SOURCES that `by` may do `action` with; `bind` says who that is. `narrow`: only some of them; `keep` is
    one that is there already and may stay, whoever may see it."""

    widget = PickInput
    by: Actor

    def __init__(self, kind: str, *, action: Action = Action.VIEW, empty: str = "", **more: Any) -> None:
        self.kind, self.action = kind, action
        self.narrow: Callable[[QuerySet[Any]], QuerySet[Any]] | None = None
        self.keep: Model | None = None
        self._empty = empty
        super().__init__(**more)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {
            "data-pick": self.kind,
            "data-may": self.action.value,
            "autocomplete": "off",
            "spellcheck": "false",
            "maxlength": str(picking.CHARS),
            "placeholder": self._empty,
        }

    def prepare_value(self, value: Any) -> Typed:
        if isinstance(value, Typed):
            return value
        row = value if isinstance(value, Model) else self._row(str(value)) if value else None
        return Typed(self._label(row), str(row.pk)) if row is not None else Typed(str(value or "")[: picking.CHARS], "")

    def clean(self, value: Any) -> Any:
        if value is None or isinstance(value, Model):  # of a field that cannot be changed
            return value
        typed = value if isinstance(value, Typed) else Typed(str(value), "")
        text = " ".join(typed.text.split())
        if not text:
            if self.required:
                raise ValidationError(self.error_messages["required"], code="required")
            return None
        if len(text) > picking.CHARS:
            raise ValidationError(f"From 1 to {picking.CHARS} characters.")
        row = self._row(text)  # programs and links give the id itself
        if row is None and typed.id:
            chosen = self._row(typed.id)
            row = chosen if chosen is not None and self._label(chosen) == text else None
        if row is None:
            try:
                row = picking.named(self.by, self.kind, text, action=self.action)
            except Invalid as problem:
                raise ValidationError(f"{problem.text}.") from None
            if self.narrow is not None and not self.narrow(type(row)._default_manager.filter(pk=row.pk)).exists():
                raise ValidationError(f"{self._label(row)} cannot be chosen here.")
        return row

    def control(self, name: str, value: Any) -> SafeString:
        """The control alone, for a page without a form of Django's; `value`: a row, what was typed, or None."""
        return PickInput().render(name, self.prepare_value(value), self.widget_attrs(PickInput()) | {"id": name})

    def typed(self, data: Mapping[str, Any], name: str) -> Any | None:
        """The row that the data name, as `clean`. Raises Invalid."""
        try:
            return self.clean(typed_in(data, name))
        except ValidationError as exc:
            raise Invalid(f"{name}: {exc.messages[0]}", field=name) from None

    def found(self, data: Mapping[str, Any], name: str) -> Any | None:
        """What the data of a form would pick, or None."""
        try:
            return self.typed(data, name)
        except Invalid:
            return None

    def _row(self, text: str) -> Any | None:
        try:
            pk = UUID(text)
        except ValueError:
            return None
        if self.keep is not None and self.keep.pk == pk:
            return self.keep
        row = picking.by_id(self.by, self.kind, pk, action=self.action)
        if row is not None and self.narrow is not None and not self.narrow(type(row)._default_manager.filter(pk=pk)).exists():
            return None
        return row

    def _label(self, row: Any) -> str:
        return picking.label_of(self.by, self.kind, row)


def picker(by: Actor, kind: str, *, action: Action = Action.VIEW, empty: str = "") -> Picked:
    """One on its own; it may be left empty."""
    field = Picked(kind, action=action, empty=empty, required=False)
    field.by = by
    return field


def bind(form: forms.BaseForm, by: Actor) -> None:
    """Say who picks, before anything of the form is asked for."""
    for field in form.fields.values():
        if isinstance(field, Picked):
            field.by = by
