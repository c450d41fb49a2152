"""A module here is a shop platform: it verifies and reads its webhooks (`domain.deliveries.Platform`)."""
