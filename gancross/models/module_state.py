"""What evaluation may change in modules, and putting it back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy


def evaluation_mode(module: nn.Module) -> None:
    """Sets a module to evaluation mode; one that torch has frozen or exported stays in its only mode."""
    with suppress(NotImplementedError, AttributeError):
        module.eval()


@contextmanager
def modules_kept(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Inside, modules may be moved, set to a mode and called; afterwards they are as before.

    That is: modes, hooks, buffers and all other attributes, also what a forward pass makes and keeps, in a
    dictionary too; parameters with their gradients, devices and `requires_grad`. For values of buffers that a
    forward pass changes in place see `unchanged`. What it appends to a list stays. A lazy layer that had no
    shape yet keeps the one that it was given.
    """
    parts = {id(part): part for module in modules for part in module.modules()}.values()
    parameters = {
        id(parameter): parameter for module in modules for parameter in module.parameters()
        if not is_lazy(parameter)
    }.values()  # fmt: skip
    restorers = [_attributes(part) for part in parts] + [_parameter(each) for each in parameters]
    try:
        yield
    finally:
        for restore in restorers:
            restore()


def _attributes(part: nn.Module) -> Callable[[], None]:
    """Puts back a module's attributes; dictionaries, as those of buffers and hooks, stay the same objects."""
    if isinstance(part, torch.jit.ScriptModule):
        return _script(part)
    kind, before = type(part), dict(vars(part))
    contents = {name: dict(value) for name, value in before.items() if isinstance(value, dict)}
    # One with a gradient is computed from parameters at every pass, as under weight_norm.
    tensors = {
        name: value.clone() for name, value in before.items()
        if isinstance(value, torch.Tensor) and not value.requires_grad and not value.is_inference()
    }  # fmt: skip

    def restore() -> None:
        if type(part) is not kind:  # a lazy layer that was given its shape
            part.training = before["training"]
            return
        for name in vars(part).keys() - before.keys():
            del vars(part)[name]
        vars(part).update(before)
        for name, content in contents.items():
            _refill(before[name], content)
        for name, value in tensors.items():
            if not torch.equal(before[name], value):
                before[name].copy_(value)

    return restore


def _script(part: nn.Module) -> Callable[[], None]:
    """As `_attributes`: those of a scripted module lie in C++, and a call makes no new ones."""
    training = getattr(part, "training", None)  # a frozen one has no modes
    buffers = {name: getattr(part, name) for name, _ in part.named_buffers(recurse=False)}

    def restore() -> None:
        if training is not None:
            part.training = training
        for name, buffer in buffers.items():
            setattr(part, name, buffer)

    return restore


def _parameter(parameter: nn.Parameter) -> Callable[[], None]:
    """Puts back what moving changes: the data of a parameter and of its gradient, in place."""
    gradient, requires_grad = parameter.grad, parameter.requires_grad
    tensors = [(each, each.data) for each in (parameter, gradient) if each is not None]

    def restore() -> None:
        for tensor, data in tensors:
            if tensor.device != data.device:
                tensor.data = data
        parameter.grad = gradient
        parameter.requires_grad_(requires_grad)

    return restore


def _refill(container: dict[str, Any], content: dict[str, Any]) -> None:
    if container.keys() != content.keys() or any(container[key] is not content[key] for key in content):
        container.clear()
        container.update(content)
