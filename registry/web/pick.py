"""What a picker offers while somebody types: the one address behind all of them."""

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse

from registry.access.actors import Action
from registry.assets import picking
from registry.page import acting, page

MAY = {action.value: action for action in (Action.VIEW, Action.HANDLE, Action.EDIT, Action.AUDIT)}


@page()
def show(request: HttpRequest, kind: str) -> HttpResponse:
    """`q`: what is typed; `may`: what is to be done with what is picked."""
    action = MAY.get(request.GET.get("may", "view"))
    if kind not in picking.SOURCES or action is None:
        raise Http404
    found = picking.offered(acting(request), kind, request.GET.get("q", ""), action=action)
    return JsonResponse({"items": [{"id": str(one.id), "label": one.label, "text": one.text} for one in found]})
