"""What people call the columns in tables of their own, in English and German; case, blanks and dots do not count."""

from collections.abc import Iterable
from typing import Final

from registry.assets.columns import Column, Kind

_OTHERS: Final = {
    "asset_no": "asset number, asset no, asset tag, asset id, number, no, inventory number, inventory no, Inventarnummer, "
    "Inventar-Nr, Anlagennummer, Anlagen-Nr",
    "name": "asset name, asset, item, title, designation, description, Bezeichnung, Benennung, Beschreibung",
    "kind": "asset kind, asset type, type, Art",
    "status": "state, asset status, Zustand",
    "label": "status label, status name",
    "category": "asset category, class, asset class, group, Kategorie, Warengruppe, Gruppe",
    "model": "asset model, make and model, Modell, Typ",
    "serial_no": "serial, serial number, s/n, sn, Seriennummer, Serien-Nr, Fabriknummer",
    "identifiers": "identifier, codes, code, barcode, barcodes, epc, epcs, tag id, rfid, rfid tag, tid, giai, grai",
    "home_location": "home, home place, home code, location, location code, room, Standort, Ort, Raum",
    "parent": "part of, container, parent asset, lies in",
    "quantity": "qty, count, pieces, Menge, Anzahl, Stück",
    "uom": "unit, unit of measure, Einheit",
    "owner_org": "owner, organisation, organization, company, Eigentümer",
    "cost_center": "cost centre, cost center code, cost centre code, Kostenstelle",
    "supplier": "vendor, seller, Lieferant",
    "order_ref": "order, order no, order number, purchase order, po, po number, Bestellnummer, Bestellung",
    "purchase_cost": "cost, price, purchase price, acquisition cost, Anschaffungswert, Anschaffungskosten, Kaufpreis, Preis",
    "currency": "Währung",
    "acquired_on": "acquired, purchase date, purchased on, date of purchase, acquisition date, Kaufdatum, Anschaffungsdatum",
    "in_service_on": "in service, in service since, Inbetriebnahme",
    "warranty_until": "warranty, warranty end, warranty expires, warranty expiration, Garantie bis, Garantieende",
    "replace_on": "end of life, eol, replacement date",
    "storage_cost_month": "storage cost, storage cost a month",
    "condition_on": "condition date, condition seen on, inspected on",
    "latitude": "lat",
    "longitude": "lon, lng",
    "tags": "keywords, Schlagworte",
    "notes": "note, remarks, remark, comment, comments, Bemerkung, Bemerkungen, Notizen",
}


def names_of(columns: Iterable[Column]) -> dict[str, list[str]]:
    """Each column that can be imported, with all it may be called."""
    return {
        one.key: [one.title, *(name.strip() for name in _OTHERS.get(one.key, "").split(",") if name)]
        for one in columns
        if one.kind is not Kind.READ_ONLY
    }
