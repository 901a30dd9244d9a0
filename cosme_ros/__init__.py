"""CosMe on the vehicle: anomaly scores and obstacles from camera frames, by NumPy and ONNX Runtime.

Only the `*_node.py` modules import rclpy; everything else runs without ROS.
"""

__version__ = "0.1.0"
