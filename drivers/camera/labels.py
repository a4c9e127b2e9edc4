"""Pictures of labels, and of a belt they lie on: what an emulated camera sees. For demo, tests and benchmarks."""

from typing import Final

import cv2
import numpy as np
import zxingcpp
from cv2.typing import MatLike

FORMATS: Final = {
    "code128": zxingcpp.BarcodeFormat.Code128,
    "code39": zxingcpp.BarcodeFormat.Code39Std,
    "ean13": zxingcpp.BarcodeFormat.EAN13,
    "itf14": zxingcpp.BarcodeFormat.ITF,
    "qr": zxingcpp.BarcodeFormat.QRCode,
    "datamatrix": zxingcpp.BarcodeFormat.DataMatrix,
}
_BARS_HIGH: Final = 24  # modules
_MARGIN: Final = 4  # modules of white around the symbol, besides its quiet zone


def label(content: str, symbology: str, *, module_px: int = 3) -> MatLike:
    """Return a grey picture of a printed label. `content` that starts with "(" is GS1 data: "(8004)06141415678".

    Raises ValueError for what the symbology cannot hold.
    """
    gs1 = {"gs1": True} if content.startswith("(") else {}
    square = {"forceSquare": True} if symbology == "datamatrix" else {}
    symbol = zxingcpp.create_barcode(content, FORMATS[symbology], **gs1, **square)
    modules: MatLike = np.array(zxingcpp.write_barcode_to_image(symbol, scale=1))
    if symbology not in ("qr", "datamatrix"):
        modules = np.repeat(modules[:1], _BARS_HIGH, axis=0)
    modules = cv2.copyMakeBorder(modules, _MARGIN, _MARGIN, _MARGIN, _MARGIN, cv2.BORDER_CONSTANT, value=(255,))
    return cv2.resize(modules, None, fx=module_px, fy=module_px, interpolation=cv2.INTER_NEAREST)


class Belt:
    """A grainy belt under a camera with its noise. Two pictures of it are never the same, as with a real sensor."""

    GRAINS: Final = 8

    def __init__(self, width: int = 1280, height: int = 720, *, seed: int = 1) -> None:
        rng = np.random.default_rng(seed)
        self._size = (width, height)
        rubber = cv2.GaussianBlur(rng.normal(96, 30, (height, width)).astype(np.float32), (0, 0), 1.5)
        self._rubber: MatLike = np.clip(rubber, 0, 255).astype(np.uint8)
        grain = (rng.normal(0, 4, (height, width)) for _ in range(self.GRAINS))
        self._grain = [np.clip(g, -20, 20).astype(np.int8) for g in grain]
        self._taken = 0

    def picture(
        self, lying: MatLike | None = None, *, tilt_deg: float = 0.0, at: tuple[float, float] = (0.5, 0.5), blur_px: float = 0.6
    ) -> MatLike:
        """Return what the camera sees now: the belt, and a label lying on it.

        `tilt_deg` is counter-clockwise, `at` the label's middle as parts of width and height, `blur_px` the lens's (sigma).
        """
        width, height = self._size
        scene = self._rubber.copy()
        if lying is not None:
            label_height, label_width = lying.shape
            place = cv2.getRotationMatrix2D((label_width / 2, label_height / 2), tilt_deg, 1.0)
            place[:, 2] += (width * at[0] - label_width / 2, height * at[1] - label_height / 2)
            paper = np.clip(lying, 24, 232)  # ink is not black and paper not white
            cv2.warpAffine(paper, place, self._size, dst=scene, borderMode=cv2.BORDER_TRANSPARENT)
        if blur_px > 0:
            scene = cv2.GaussianBlur(scene, (0, 0), blur_px)
        self._taken += 1
        grain = self._grain[self._taken % self.GRAINS]
        return cv2.add(scene, grain, dtype=cv2.CV_8U)
