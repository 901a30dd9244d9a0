"""Judges a detector on recorded drives, without ROS: every frame, in order, the same every time."""
