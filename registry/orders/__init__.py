"""What gateways are told to do: commands with their answers, and the configuration that is set from here."""
