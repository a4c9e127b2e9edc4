"""Cameras: frames in, barcodes out."""

import os

# OpenCV's own messages go to stderr, can carry the address with its password, and say nothing a person can act on. A device is
# waited for no longer than a stream. OpenCV reads these once, when any module here imports it.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "3")
