"""The commands of `sightpost-registry` by what they are about; cli.py puts them together."""
