"""The page's sections: which claim of the paper, which spec, which figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gancross.workflow.spec import Spec
from reproduction import costs, cross_drawings, crossing, drawings, imaging, records
from reproduction.record import Record

RESULTS = Path(__file__).parents[1] / "results"
SPECS = Path(__file__).parents[1] / "paper"

Analysis = Callable[[Spec, Path], Record]
Drawing = Callable[[Record, Path], None]


@dataclass(frozen=True, kw_only=True)
class Section:
    """One claim and how it is looked at.

    Attributes:
        key: of spec, record and pictures.
        claim: the paper's, in our words; figures in it are the paper's or the settings'.
        sheets: the paper's figures that are drawn of samples from the run folders.
        beside: another record that belongs to the section.
        remark: what the figures do not say by themselves; holds none.
    """

    key: str
    heading: str
    claim: str
    analysis: Analysis
    picture: Drawing
    sheets: tuple[str, ...] = ()
    beside: str = ""
    remark: str = ""

    @property
    def spec(self) -> Path:
        """What to train."""
        return SPECS / f"{self.key}.toml"

    @property
    def command(self) -> str:
        """How its runs are made."""
        return f"gancross benchmark benchmarks/paper/{self.key}.toml --device cpu"

    @property
    def analysis_command(self) -> str:
        """How its record is made of the runs."""
        return f"python benchmarks/reproduce.py {self.key}"

    @property
    def record(self) -> str:
        """The record's file in `benchmarks/results`."""
        return f"paper-{self.key}.json"

    @property
    def pictures(self) -> dict[str, str]:
        """Files in `benchmarks/results`, with a text for those who do not see them."""
        pictures = {f"paper-{self.key}.png": f"{self.heading}: along training"}
        for sheet in self.sheets:
            pictures[self.sheet_file(sheet)] = f"{self.heading}: samples"
        return pictures

    def sheet_file(self, sheet: str) -> str:
        """The file of one of the paper's figures."""
        return f"paper-{self.key}-{sheet}.png"


SECTIONS: dict[str, Section] = {
    section.key: section
    for section in (
        Section(
            key="fig1", heading="§5.1, Fig. 1: stability on the submanifold mixture",
            claim="The unregularized GAN collapses in every run after about 50,000 steps, since the"
            " discriminator concentrates on ever smaller differences; the regularized one can be trained"
            " essentially indefinitely, well beyond 200,000 steps, without collapse, at various γ, with and"
            " without annealing.",
            remark="When: without the regularizer a run may have good lines, with some of the modes, for"
            " tens of thousands of steps and then break within a few hundred; the step differs from run to"
            " run, and one run may recover, another not. One run announced it: its margin climbed for some"
            " thousand steps while its lines were still good. In the others that broke the margin rose only"
            " as they did. Once a run is lost, its discriminator is right about nearly every sample. With"
            " the non-saturating loss no unregularized run ever covered all modes; with the saturating one"
            " all did for a while. With the regularizer the margin stays small, all modes are covered for"
            " most of the time, and no run that was once good broke. Yet regularized runs dip as well, for"
            " less than a few hundred steps: one at the paper's γ happened to be caught by a checkpoint with"
            " no mode covered. And one run that began with a large γ never became good: its margin stayed"
            " near zero long after γ had become small. No run here is as long as the paper's, and those at"
            " the smallest and the largest constant γ are shorter than half of the unregularized ones held"
            " out.",
            analysis=records.stability, picture=drawings.stability, sheets=("fig1",),
        ),
        Section(
            key="fig6", heading="§5.1, Fig. 6: five discriminator updates per generator update",
            claim="With n_φ = 5 the stabilizing effect of the regularizer is even more pronounced.",
            remark="In these runs the regularized ones become good in fewer generator updates than those"
            " with one discriminator update each, and stay so; the margin of the one unregularized run"
            " climbs, and its generator never covers more than a few modes and loses them in the second"
            " half.",
            analysis=records.stability, picture=drawings.stability, sheets=("fig6",),
        ),
        Section(
            key="latent15", heading="§7.3: 15-dimensional latents",
            claim="Latents of 15 dimensions give the same picture as those of two.",
            remark="The annealed run with the large γ needs most of its steps to become good; with"
            " two-dimensional latents one such run never did.",
            analysis=records.stability, picture=drawings.stability, sheets=("fig1",),
        ),
        Section(
            key="generator-objective", heading="§4.1: the regularized objective for the generator too",
            claim="It may speed up early training, and destabilizes training close to convergence.",
            remark="Close to convergence means here that most samples lie at a mode but the modes are still"
            " wider than the data's. In the runs at constant γ fewer samples lie within three standard"
            " deviations, and none breaks; the one that begins with a large γ breaks.",
            analysis=records.stability, picture=drawings.stability, sheets=("fig1",),
        ),
        Section(
            key="crosstest-mixture", heading="§5.5: cross-testing on the mixture",
            remark="The discriminators with the lower mean cross-testing FP belong to the generators whose"
            " samples have the larger Fréchet distance to the test data. Why is not measured here. Measures"
            " of the samples need not agree: in the record on training time unregularized runs of this"
            " length have more samples within three standard deviations of a mode, and fewer modes. In the"
            " picture, one run of each, most of the variance of FP is the judge's method; over all runs the"
            " single run has a larger share than its method, and which two runs meet the largest.",
            claim="The regularized discriminator recognises the unregularized GAN's samples (cross-testing"
            " FP 0.0 on CIFAR-10), the unregularized one takes the regularized GAN's for real (1.0).",
            analysis=crossing.crosstested, picture=cross_drawings.heat_map,
            beside="paper-training-time.json",
        ),
        Section(
            key="crosstest-digits", heading="§5.5: cross-testing on the digits",
            claim="As above; the digits stand in for CIFAR-10 at a size that a CPU trains in minutes.",
            remark="Nearly all of the variance of FP over these runs is between the runs that judge, next to"
            " none between methods: discriminators of one recipe and two seeds differ more than those of the"
            " two methods. Along training, one run of each, most of it is between the judge's steps: in the"
            " picture the columns of the first saved step stand out. Samples of a later step than the"
            " judge's are taken for real more than those of an earlier one, whoever made them. A pair of"
            " checkpoints could have named either method.",
            analysis=crossing.crosstested, picture=cross_drawings.heat_map,
        ),
        Section(
            key="overfitting", heading="§6: the regularizer prevents overfitting",
            claim="The regularizer prevents GANs from overfitting and therefore leads to better"
            " generalization. The paper has its cross-testing protocol for it; here it is tested directly: a"
            " discriminator that overfits tells training from test data.",
            analysis=records.overfitted, picture=drawings.gaps,
            remark="Both kinds of discriminators come to tell training from test digits. At this level of γ"
            " the AUC of training against test digits is lower with the regularizer, beyond chance, and yet"
            " far above a half: by this measure it lessens overfitting and does not prevent it. The gap in"
            " TPR, which depends on where the threshold lies and scatters widely, does not differ beyond"
            " chance.",
        ),
        Section(
            key="training-time", heading="§5.3: training time",
            claim="Regularization costs about 1.4 times an unregularized step; f-GANs, regularized or not,"
            " make good samples sooner than Wasserstein GANs.",
            analysis=costs.timed, picture=drawings.against_time, beside="speed-regularized-step.json",
            remark="WGAN-GP has its authors' penalty and rates, which were found for images; nobody has"
            " tuned it for this mixture, and it was given several times the seconds in which the others"
            " became good. Per step the unregularized GAN is the cheapest; in these runs the mean time to a"
            " first good line is no longer with the regularizer. Over the last part of training fewer of the"
            " regularized runs' samples lie within three standard deviations of a mode.",
        ),
        Section(
            key="crosstest-cifar10", heading="§5.5: cross-testing on CIFAR-10 (JPEG), with batch norm",
            claim="The regularized discriminator recognises the unregularized GAN's samples (cross-testing"
            " FP 0.0), the unregularized one takes the regularized GAN's for real (1.0).",
            remark="In these runs, with running averages, a discriminator knows the samples of its own"
            " generator as it is at that very step, and takes most of all else for real: its own generator's"
            " of some thousand steps before or after, the other's of any step, and noise. How long it was"
            " trained has a small share of the variance of FP, and so has its method; the unregularized ones"
            " call more test images generated. With the statistics of the batch, which is of test images"
            " only or of one generator's samples only, the same discriminators recognise most generated"
            " samples, but not all: one regularized discriminator still takes three quarters of the other"
            " regularized generator's for real, and one unregularized one calls half of the test images"
            " generated. So most of the variance of FP in these four runs is between the uses of batch norm,"
            " and the paper does not say which use it had. The published outcome, one discriminator fooled"
            " and the other not, is met under neither use. The texture distances of both regularized"
            " generators are smaller than those of both unregularized ones; coarse distances overlap. The"
            " paper's rule names the unregularized discriminators by FP and would name the regularized ones"
            " by FN. Rounding to whole levels changes no mean FP by more than a thousandth.",
            analysis=imaging.crosstested_images, picture=cross_drawings.heat_map,
        ),
        Section(
            key="crosstest-cifar10-plain",
            heading="§5.5: cross-testing on CIFAR-10 (JPEG), without normalization",
            claim="As with batch norm; without it a discriminator judges in one mode only.",
            remark="Of the pairs of an unregularized and a regularized run one gives nearly the paper's"
            " outcome turned round, one has both discriminators fooled by almost all of each other's"
            " samples, and in two neither is: had one run of each been trained, the table could have named"
            " either method. Along training, one run of each, most of the variance of FP is between steps: a"
            " later discriminator calls fewer samples real, samples of a later step are called real more."
            " Rounding to whole levels changes no mean FP by more than a thousandth.",
            analysis=imaging.crosstested_images, picture=cross_drawings.heat_map,
        ),
        Section(
            key="noise-digits", heading="§5.4, Figs. 4 and 9: explicit noise, on the digits",
            claim="The regularizer stabilizes across a broad range of levels and makes better images than"
            " the unregularized GAN and than explicit noise.",
            remark="No unregularized run fails on the digits within these steps, so there is nothing for a"
            " regularizer to save. Between the smallest levels of γ and none the means of the Fréchet"
            " distance differ by less than their runs do; at the largest level it is larger. With explicit"
            " noise its means are larger than at every level of γ but the largest, and at every level of"
            " noise larger at a high ratio of noise to signal, which leaves fewer distinct samples in a"
            " batch, than at the lowest; so it is with noise for the discriminator alone. It is smallest for"
            " WGAN-GP, at five critic updates for each of the generator's; its critics make no decisions and"
            " judge nobody.",
            analysis=crossing.ranked, picture=cross_drawings.method_map, sheets=("fig4", "fig9"),
        ),
        Section(
            key="noise-cifar10", heading="§5.4, Fig. 4: explicit noise, on CIFAR-10 (JPEG)",
            claim="As on the digits.",
            remark="No run of these fails, and there is one of each. The one with the larger γ has the"
            " smallest distances of the f-GANs, and the only discriminator here that is not blind; it calls"
            " the fewest of others' samples real, but the most test images generated. With the smaller γ,"
            " the one of the paper's cross-test, the coarse distance is as without, the texture distance"
            " larger. With explicit noise, at the one level tried, both are larger: its samples bear a"
            " pattern of spots. With LSGAN both are larger than without a regularizer. WGAN-GP has the"
            " smallest, at five critic updates for each of the generator's. The cross-test shows next to"
            " nothing of this: with running averages nearly all judges are blind and take half or more of"
            " any other generator's samples for real, and too few are left to rank by. The one that is not"
            " blind recognises most of the spotted samples, but takes more than half of all others' for"
            " real.",
            analysis=imaging.ranked_images, picture=cross_drawings.method_map, sheets=("fig4",),
        ),
        Section(
            key="fig2", heading="§5.2, Figs. 2 and 7: four networks",
            claim="ResNet, DCGAN, DCGAN without normalization and DCGAN with tanh all train with the"
            " regularizer, γ₀ = 2.0 annealed, where unregularized ones fail.",
            remark="Within so few steps no network fails by this measure, with the regularizer or without"
            " it: every run is alive at its last saved step, one of each and at small width. The measure is"
            " lenient, and the picture shows more. The unregularized ResNet has come down to a few kinds of"
            " images and its coarse distance grows again; the regularized one makes many. With DCGAN both"
            " distances of the regularized run are smaller as well; with tanh the coarse distances end"
            " nearly alike, and the texture distance is larger for the regularized one. Without"
            " normalization both coarse distances are near that of the mean image: the unregularized run"
            " crosses the line to and fro, the regularized one gets below it at its last saved step only,"
            " and barely keeps the spread that counts as alive. Its samples are grey with a few stains, and"
            " its texture distance is much the larger of the two. WGAN-GP has the smallest distances with"
            " every network, in four to six times the unregularized run's time, and without normalization"
            " the only coarse distance that falls at every saved step.",
            analysis=imaging.images, picture=drawings.lives, sheets=("fig2", "fig7"),
        ),
        Section(
            key="fig3", heading="Fig. 3 and §7.4: the initial level γ₀, and the learning rate",
            claim="Regularized GANs make better images at every γ₀; of learning rates between 1e-4 and"
            " 1e-3, 2e-4 was best.",
            remark="At the last saved step both distances of every regularized run are smaller than those of"
            " the unregularized run of its learning rate, whichever of the three it is. Earlier in training"
            " they often are not, and there is one run of each, for few steps and at small width, with DCGAN"
            " where the figure has a ResNet. No run fails. The coarse distance is smallest at the largest"
            " rate for all methods but one; the texture distance is largest there for all but the largest"
            " γ₀. The samples below are those of the paper's rate.",
            analysis=imaging.images, picture=drawings.lives, sheets=("fig3",),
        ),
    )
}  # fmt: skip
