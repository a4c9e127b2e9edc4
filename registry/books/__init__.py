"""What assets are worth: the schedule engine of depreciation."""
