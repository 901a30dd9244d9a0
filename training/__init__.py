"""The workstation half of cosme_ros: trains teachers, fits memory and student, writes bundles."""
