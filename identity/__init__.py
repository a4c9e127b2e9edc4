"""What a tag or barcode says, as one canonical key. Pure."""
