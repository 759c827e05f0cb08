"""The API's resources: reads through selectors, writes through use cases."""
