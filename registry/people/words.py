"""The roles in words; docs/people.md has the same table, and a test holds both to ROLES."""

MEANS = {
    "viewer": "sees assets, places and what happened",
    "operator": "handles assets: checks out and in, moves, scans, claims tags, adds photos, counts stock",
    "auditor": "takes stock and reads the log of changes",
    "accountant": "sees and changes cost, suppliers and dates of acquisition, keeps the books, reads the log of changes",
    "manager": "registers and changes assets and places, imports, everything an operator does, cost, the log of changes",
    "administrator": "everything; without place and category also people, roles, tokens and the company's own words",
}
