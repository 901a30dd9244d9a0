"""The parts of a procedural street: geometry, surfaces, things on it, light and sensor."""
