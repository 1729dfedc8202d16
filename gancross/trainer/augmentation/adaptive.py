"""ADA's probability p, adapted so that the discriminator does not overfit the real samples."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from gancross.errors import UsageError
from gancross.machine.distributed import Processes
from gancross.score_kinds import SCORE_KINDS
from gancross.trainer.noise import distinct_samples
from gancross.trainer.objective.objectives import OBJECTIVES
from gancross.trainer.recipes.recipe import Recipe

INTERVAL = 4  # discriminator updates between two changes of p


@dataclass(frozen=True, kw_only=True)
class AdaptiveProbability:
    """The probability of every transform, and the statistic that moves it.

        r_t = E[sign(D(T(x)) − threshold)] over real samples, averaged over four discriminator updates
        p  ← p + sign(r_t − target)·4·batch/(1000·speed), within [0, 1]

    Above the target D decides too many training samples right: it overfits, and p rises. The authors' program
    bounds p below only; a p above 1 acts as 1 but falls later.

    Attributes:
        p: scalar in [0, 1], 0 at the start.
        signs: scalar, sum of the mean signs since p last changed.
        threshold: of the objective's scores, above which D calls a sample real.

    Source: Karras et al. 2020a, section 3.1, with r_t.
    """

    p: torch.Tensor
    signs: torch.Tensor
    threshold: float

    @classmethod
    def at_start(cls, recipe: Recipe, device: torch.device) -> AdaptiveProbability | None:
        """p = 0 for recipes with `augment=ada`; None for others.

        Raises:
            UsageError: the objective's scores have no threshold, so their sign says nothing.
        """
        if recipe.augment != "ada":
            return None
        threshold = SCORE_KINDS[OBJECTIVES[recipe.objective].score_kind].threshold
        if threshold is None:
            raise UsageError(
                f"augment=ada needs scores with a threshold, which those of objective={recipe.objective} do"
                " not have: use augment=diffaugment, or another objective"
            )
        p, signs = torch.zeros((), device=device), torch.zeros((), device=device)
        return cls(p=p, signs=signs, threshold=threshold)

    def observe(
        self, scores_real: torch.Tensor, recipe: Recipe, *, update: int, processes: Processes
    ) -> None:
        """Adds the scores of one discriminator update, and changes p after every fourth.

        Args:
            scores_real: D's scores of this process's augmented real samples, (N,).
            update: index of the discriminator's update, from 0.
            processes: over which the signs are averaged, so that all have the same p.
        """
        mean = (scores_real - self.threshold).sign().mean().to(self.signs.dtype)
        processes.average([mean])
        self.signs.add_(mean)
        if (update + 1) % INTERVAL == 0:
            images = INTERVAL * distinct_samples(recipe, "discriminator")
            change = images / (1000 * recipe.ada_speed)
            self.p.add_((self.signs / INTERVAL - recipe.ada_target).sign(), alpha=change).clamp_(0, 1)
            self.signs.zero_()

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Both tensors, for a checkpoint."""
        return {"p": self.p, "signs": self.signs}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """The inverse of `state_dict`.

        Raises:
            KeyError, RuntimeError: the state is another's.
        """
        self.p.copy_(state["p"])
        self.signs.copy_(state["signs"])
