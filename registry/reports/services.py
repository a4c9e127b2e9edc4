"""Reports as files, and their schedules. A schedule belongs to who made it; what it shows is what they may see when it runs."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import Actor
from registry.access.models import User
from registry.access.rights import of_user
from registry.assets.values import one_of
from registry.problems import Invalid, NotFound, Problem
from registry.reports import files
from registry.reports.asking import Asked, plain
from registry.reports.catalogue import Report, find
from registry.reports.models import Schedule
from registry.texts import for_log
from registry.work import outgoing

AT: Final = time(5, 0, tzinfo=UTC)  # of the day
MOST_SCHEDULES: Final = 50  # of one person


def as_file(*, by: Actor, report: Report, asked: Asked, form: str) -> files.Written:
    """The whole report. Raises Invalid, Forbidden."""
    one_of(form, files.FORMS, "form")
    now = timezone.now()
    answer = report.run(by, asked.whole())
    return files.write(form, report.key, head(by, report, asked, now), answer, now)


def head(by: Actor, report: Report, asked: Asked, now: datetime) -> files.Head:
    """What stands above a file's table: what was asked for, by whom, when."""
    said = [
        f"Category: {asked.category.name}" if asked.category is not None else "",
        f"Place: {asked.place.name}" if asked.place is not None else "",
        f"By: {report.groups[asked.group]}" if report.groups else "",
        f"{asked.since} to {asked.until}" if report.period else "",
        f"{report.days_title}: {asked.days}" if report.days else "",
    ]
    lines = [f"{settings.SITE_NAME}, {now:%Y-%m-%d %H:%M} UTC, as {by.name} may see it", ". ".join(filter(None, said))]
    return files.Head(report.title, [line for line in lines if line])


def schedules_of(by: Actor) -> QuerySet[Schedule]:
    return Schedule.objects.filter(user=by.user_id) if by.user_id is not None else Schedule.objects.none()


@transaction.atomic
def schedule(*, by: Actor, report: str, filters: Mapping[str, Any], every: str, form: str) -> Schedule:
    """Have a report sent to oneself. Raises Invalid, NotFound, Forbidden."""
    wanted = find(by, report)
    wanted.asked(by, filters)
    user = User.objects.filter(pk=by.user_id).first() if by.user_id is not None else None
    if user is None:
        raise Invalid("reports are mailed to people: log in as one")
    if not outgoing.can_mail():
        raise Invalid("this registry has no mail server: name one as host under [mail] in registry.toml")
    if not user.email:
        raise Invalid("you have no e-mail address: an administrator can give you one")
    if schedules_of(by).count() >= MOST_SCHEDULES:
        raise Invalid(f"you have {MOST_SCHEDULES} already; end one first")
    one_of(every, Schedule.Every.values, "every")
    one_of(form, Schedule.Form.values, "form")
    made = Schedule.objects.create(
        user=user, report=report, filters=plain(filters), every=every, form=form, next_at=following(timezone.now(), every)
    )
    log.record(by, made, "created", every=every, form=form, filters=made.filters)
    return made


@transaction.atomic
def end_schedule(*, by: Actor, schedule_id: UUID) -> None:
    """Raises NotFound."""
    found = Schedule.objects.filter(pk=schedule_id, user=by.user_id).first() if by.user_id else None
    if found is None:
        raise NotFound("there is no such schedule")
    log.record(by, found, "deleted")
    found.delete()


def following(now: datetime, every: str) -> datetime:
    """The next time: at AT of the next day, Monday, or first of a month."""
    day = now.astimezone(UTC).date() + timedelta(days=1)
    while (every == Schedule.Every.WEEK and day.weekday() != 0) or (every == Schedule.Every.MONTH and day.day != 1):
        day += timedelta(days=1)
    return datetime.combine(day, AT)


def send_due() -> int:
    """Put the mails of the schedules whose time has come; return how many. What was missed while nobody worked is sent once."""
    now = timezone.now()
    due = list(Schedule.objects.filter(next_at__lte=now).select_related("user").order_by("next_at")[:100])
    return sum(_send(one, now) for one in due)


def _send(one: Schedule, now: datetime) -> bool:
    by = of_user(one.user, through="work")
    error, file, title, sentence = "", None, "", ""
    try:
        report = find(by, one.report)
        asked = report.asked(by, one.filters)
        title, sentence = report.title, report.run(by, asked).sentence
        file = as_file(by=by, report=report, asked=asked, form=one.form)
        if not one.user.email:
            raise Invalid("you have no e-mail address any more")
    except Problem as exc:
        error = exc.text
    with transaction.atomic():
        moved_on = Schedule.objects.filter(pk=one.pk, next_at=one.next_at).update(
            next_at=following(now, one.every), last_at=now if not error else one.last_at, error=for_log(error, 500)
        )
        if not moved_on or error or file is None:
            return False
        attached = outgoing.Attached(file.name, file.content_type, file.content)
        text = f"{sentence}\n\nYou get this {one.get_every_display()}. End it on the page of reports.\n"
        try:
            outgoing.mail(to=one.user.email, subject=f"{title}, {now:%Y-%m-%d}", text=text, attachments=[attached])
        except Invalid as exc:
            Schedule.objects.filter(pk=one.pk).update(error=for_log(exc.text, 500))
            return False
    return True
