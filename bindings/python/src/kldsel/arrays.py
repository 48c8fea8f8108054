# SPDX-License-Identifier: BSD-3-Clause
"""Where an array's elements lie, without a copy.

`view()` takes anything with `__array_interface__` (NumPy and its kin), DLPack (PyTorch, JAX) or the buffer
protocol (`array.array`, `mmap`, `memoryview`). NumPy itself is not needed.
"""

from __future__ import annotations

import ctypes
import math
import sys
from typing import Any, NamedTuple

from kldsel import _dlpack
from kldsel._abi import Dtype

ITEMSIZE = {Dtype.F64: 8, Dtype.F32: 4, Dtype.F16: 2, Dtype.BF16: 2, Dtype.U8: 1, Dtype.I8: 1}

_NATIVE, _FOREIGN = ("<", ">!") if sys.byteorder == "little" else (">!", "<")
_BY_TYPESTR = {"f8": Dtype.F64, "f4": Dtype.F32, "f2": Dtype.F16, "u1": Dtype.U8, "i1": Dtype.I8}
_BY_TORCH = {
    "float32": Dtype.F32,
    "float16": Dtype.F16,
    "bfloat16": Dtype.BF16,
    "float64": Dtype.F64,
    "uint8": Dtype.U8,
    "int8": Dtype.I8,
}
_BY_FORMAT = {"d": Dtype.F64, "f": Dtype.F32, "e": Dtype.F16, "B": Dtype.U8, "b": Dtype.I8}
_ALLOWED = "float64, float32, float16, bfloat16, uint8 and int8 are"


class ArrayView(NamedTuple):
    """An array's memory; `owner` is what must live as long as it is read."""

    address: int  #: of element [0, ..., 0]
    dtype: Dtype
    shape: tuple[int, ...]
    strides: tuple[int, ...]  #: in bytes, of any sign
    owner: object

    @property
    def contiguous(self) -> bool:
        """Whether the elements lie row-major without gaps."""
        return self.strides == row_major(self.shape, ITEMSIZE[self.dtype])

    @property
    def span(self) -> tuple[int, int]:
        """Address of the lowest byte of the elements, and the number of bytes from there to the highest."""
        steps = [(extent - 1) * stride for extent, stride in zip(self.shape, self.strides)]
        before = sum(step for step in steps if step < 0)
        after = sum(step for step in steps if step > 0)
        return self.address + before, after - before + ITEMSIZE[self.dtype]


def row_major(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """The strides in bytes of a contiguous array.

    >>> row_major((2, 3, 4), 8)
    (96, 32, 8)
    """
    return tuple(math.prod(shape[axis + 1 :]) * itemsize for axis in range(len(shape)))


def view(array: Any, name: str = "array") -> ArrayView:
    """Tell where the elements of an array lie; `name` is what error messages call it.

    >>> import array
    >>> weights = array.array("f", [1, 2, 3])
    >>> found = view(weights)
    >>> found.dtype, found.shape, found.strides
    (<Dtype.F32: 2>, (3,), (4,))
    >>> found.address == weights.buffer_info()[0]
    True
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(array, torch.Tensor):
        return _view_torch(torch, _plain_torch(torch, array, name), name)
    if hasattr(array, "__cuda_array_interface__"):
        raise _refused(array, name, "lies on a GPU; copy it to the host first")
    interface = getattr(array, "__array_interface__", None)
    if isinstance(interface, dict):
        return _view_interface(array, interface, name)
    if hasattr(array, "__dlpack__"):
        return _view_dlpack(array, name)
    try:
        memory = memoryview(array)
    except (TypeError, ValueError, BufferError) as error:
        raise _refused(
            array, name, "has neither __array_interface__ nor DLPack nor the buffer protocol"
        ) from error
    return _view_buffer(array, memory, name)


def _refused(array: object, name: str, why: str) -> TypeError:
    kind = type(array)
    return TypeError(f"{name} (a {kind.__module__}.{kind.__qualname__}) {why}")


def _wrong_dtype(array: object, name: str, dtype: str) -> TypeError:
    return _refused(array, name, f"has elements of {dtype}; {_ALLOWED} supported")


def _plain_torch(torch: Any, tensor: Any, name: str) -> Any:
    """A tensor that shares the memory and that PyTorch exports, or what keeps it from doing so."""
    if tensor.layout is not torch.strided:
        raise _refused(tensor, name, f"has the layout {tensor.layout}; only a dense tensor has strides")
    if tensor.is_quantized:
        raise _refused(tensor, name, "is quantised; pass int_repr() and give quantization")
    if tensor.is_conj() or tensor.is_neg():
        # The memory then holds other numbers than the tensor means.
        raise _refused(tensor, name, "is a lazy conjugate or negative; pass resolve_conj().resolve_neg()")
    if tensor.device.type != "cpu":
        raise _refused(tensor, name, f"is on the device {tensor.device}; copy it to the host with .cpu()")
    return tensor.detach()


def _view_torch(torch: Any, tensor: Any, name: str) -> ArrayView:
    """As DLPack would tell it, in a third of the time."""
    dtype = next((dtype for kind, dtype in _BY_TORCH.items() if tensor.dtype is getattr(torch, kind)), None)
    if dtype is None:
        raise _wrong_dtype(tensor, name, str(tensor.dtype))
    try:
        address = tensor.data_ptr()
    except RuntimeError as error:  # of a tensor that stands for others, while they are traced
        raise _refused(tensor, name, f"has no memory of its own: {error}") from error
    if address == 0 and tensor.numel() > 0:
        raise _refused(tensor, name, "has no memory of its own")
    itemsize = ITEMSIZE[dtype]
    strides = tuple(stride * itemsize for stride in tensor.stride())
    return ArrayView(address, dtype, tuple(tensor.shape), strides, tensor)


def _view_interface(array: Any, interface: dict[str, Any], name: str) -> ArrayView:
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(array, numpy.ma.MaskedArray):
        raise _refused(array, name, "is masked; fill it first")
    dtype = _dtype_of_interface(array, interface["typestr"], name)
    shape = tuple(int(extent) for extent in interface["shape"])
    strides = interface.get("strides")
    data = interface.get("data")
    if not isinstance(data, tuple):
        raise _refused(array, name, "keeps its data in another object, which is not supported")
    return ArrayView(
        int(data[0]),
        dtype,
        shape,
        row_major(shape, ITEMSIZE[dtype]) if strides is None else tuple(int(stride) for stride in strides),
        array,
    )


def _dtype_of_interface(array: Any, typestr: str, name: str) -> Dtype:
    order, kind = typestr[0], typestr[1:]
    declared = str(getattr(array, "dtype", typestr))
    if declared == "bfloat16" and kind == "V2":  # ml_dtypes
        return Dtype.BF16
    dtype = _BY_TYPESTR.get(kind)
    if dtype is None:
        raise _wrong_dtype(array, name, declared)
    if order in _FOREIGN:
        raise _refused(
            array, name, f"has elements of {typestr}, the other byte order; convert it to {_NATIVE[0]}{kind}"
        )
    return dtype


def _view_dlpack(array: Any, name: str) -> ArrayView:
    """As DLPack has it; the capsule is left unconsumed, so that its own destructor releases the memory."""
    device = _dlpack.device_of(array)
    if not _dlpack.on_host(device):
        raise _refused(
            array, name, f"is on the device {_dlpack.device_name(device)}; copy it to the host first"
        )
    try:
        found = _dlpack.export(array)
    except (BufferError, RuntimeError, ValueError) as error:
        raise _refused(array, name, f"cannot be exported by DLPack: {error}") from error
    if not _dlpack.on_host(found.device):
        raise _refused(
            array, name, f"is on the device {_dlpack.device_name(found.device)}; copy it to the host first"
        )
    dtype = _dlpack.DTYPES.get(found.dtype)
    if dtype is None:
        raise _wrong_dtype(array, name, str(getattr(array, "dtype", f"DLPack type {found.dtype}")))
    itemsize = ITEMSIZE[dtype]
    if found.strides is None:
        strides = row_major(found.shape, itemsize)
    else:
        strides = tuple(stride * itemsize for stride in found.strides)
    return ArrayView(found.address, dtype, found.shape, strides, (array, found.capsule))


class _Buffer(ctypes.Structure):
    """Py_buffer, part of CPython's stable ABI."""

    _fields_ = (
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.c_void_p),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p),
        ("shape", ctypes.POINTER(ctypes.c_ssize_t)),
        ("strides", ctypes.POINTER(ctypes.c_ssize_t)),
        ("suboffsets", ctypes.POINTER(ctypes.c_ssize_t)),
        ("internal", ctypes.c_void_p),
    )


_PYBUF_FULL_RO = 0x11C  # indirect, format, strides: what a memoryview has


def _view_buffer(array: Any, memory: memoryview, name: str) -> ArrayView:
    """As the buffer protocol has it; the memoryview keeps the exporter from moving its memory."""
    order, kind = memory.format[:-1], memory.format[-1:]
    dtype = _BY_FORMAT.get(kind)
    if dtype is None or len(order) > 1:
        raise _wrong_dtype(array, name, f"the format {memory.format!r}")
    if memory.itemsize > 1 and order and order in _FOREIGN:
        raise _refused(array, name, f"has elements of {memory.format!r}, the other byte order")
    if memory.suboffsets:
        raise _refused(array, name, "is an array of pointers; only strides are supported")
    buffer = _Buffer()
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(memory), ctypes.byref(buffer), _PYBUF_FULL_RO)
    address = buffer.buf or 0
    ctypes.pythonapi.PyBuffer_Release(ctypes.byref(buffer))
    return ArrayView(address, dtype, tuple(memory.shape or ()), tuple(memory.strides or ()), memory)
