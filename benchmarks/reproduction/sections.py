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
            remark="When: without the regularizer a run may make good samples of some of the modes for tens"
            " of thousands of steps and then lose them within a few hundred; the step differs from run to"
            " run, and one run may recover, another not. One run announced it: its margin climbed for some"
            " thousand steps while the samples still looked good. In the others that broke the margin rose"
            " only as they did. Once the samples are lost, the discriminator is right about everything and"
            " teaches nothing. With the non-saturating loss no unregularized run ever covered all modes;"
            " with the saturating one all did for a while. With the regularizer the margin stays small, all"
            " modes are covered for most of the time, and no run that was once good broke. Yet regularized"
            " runs dip as well, for less than a few hundred steps: one at the paper's γ happened to be"
            " caught by a checkpoint with no mode covered. And a γ that is large to begin with can press the"
            " discriminator flat before it has learnt anything: one annealed run stayed so, its score the"
            " same for every sample, long after γ had become small. No run here is as long as the paper's,"
            " and those at the smallest and the largest constant γ are shorter than half of the"
            " unregularized ones held out.",
            analysis=records.stability, picture=drawings.stability, sheets=("fig1",),
        ),
        Section(
            key="fig6", heading="§5.1, Fig. 6: five discriminator updates per generator update",
            claim="With n_φ = 5 the stabilizing effect of the regularizer is even more pronounced.",
            remark="The regularized runs become good in fewer generator updates than with one discriminator"
            " update each, and stay so; the unregularized discriminator runs away from its generator, which"
            " never covers more than a few modes and loses them in the second half.",
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
            " wider than the data's: the generator is drawn to where the discriminator is steep, which is"
            " around the modes and not on them. At constant γ it costs sharpness, not stability; with a"
            " large γ to begin with it costs stability too.",
            analysis=records.stability, picture=drawings.stability, sheets=("fig1",),
        ),
        Section(
            key="crosstest-mixture", heading="§5.5: cross-testing on the mixture",
            remark="The method with the worse generators has the lower cross-testing FP. The regularized"
            " generators come so near to the data that their discriminators can hardly tell the two apart"
            " and score both near the threshold, whoever made the samples; the unregularized ones miss modes"
            " for thousands of steps, and to face such a generator is the easier task. Among the runs of one"
            " method this order is not to be seen: it is an explanation, not a measurement. The picture"
            " looks as if the method decided and the step did not; but over all runs the single run decides"
            " more than its method, and most of all which two runs meet.",
            claim="The regularized discriminator recognises the unregularized GAN's samples (cross-testing"
            " FP 0.0 on CIFAR-10), the unregularized one takes the regularized GAN's for real (1.0).",
            analysis=crossing.crosstested, picture=cross_drawings.heat_map,
        ),
        Section(
            key="crosstest-digits", heading="§5.5: cross-testing on the digits",
            claim="As above; the digits stand in for CIFAR-10 at a size that a CPU trains in minutes.",
            remark="Which run judges decides nearly everything, its method next to nothing: discriminators"
            " of one recipe and two seeds differ more than those of the two methods. Along training it is"
            " how long a discriminator was trained: in the picture the columns of the first saved step stand"
            " out. Samples of a later step than the judge's are taken for real, those of an earlier one"
            " hardly ever, whoever made them. A pair of checkpoints would have shown whatever its choice of"
            " seeds and steps suggests.",
            analysis=crossing.crosstested, picture=cross_drawings.heat_map,
        ),
        Section(
            key="overfitting", heading="§6: the regularizer prevents overfitting",
            claim="The regularizer prevents GANs from overfitting and therefore leads to better"
            " generalization. The paper has its cross-testing protocol for it; here it is tested directly: a"
            " discriminator that overfits tells training from test data.",
            analysis=records.overfitted, picture=drawings.gaps,
            remark="Both kinds of discriminators come to tell training from test digits, and ever better as"
            " long as they are trained; the regularized ones are slower. The regularizer lessens"
            " overfitting at this level of γ, it does not prevent it. The gap in TPR depends on where the"
            " threshold happens to lie and scatters widely; the AUC does not.",
        ),
        Section(
            key="training-time", heading="§5.3: training time",
            claim="Regularization costs about 1.4 times an unregularized step; f-GANs, regularized or not,"
            " make good samples sooner than Wasserstein GANs.",
            analysis=costs.timed, picture=drawings.against_time, beside="speed-regularized-step.json",
            remark="WGAN-GP has its authors' penalty and rates, which were found for images; nobody has"
            " tuned it for this mixture, and it was given several times the seconds in which the others"
            " became good. Per step the unregularized GAN is the cheapest, and yet the regularized one is on"
            " average good no later.",
        ),
        Section(
            key="crosstest-cifar10", heading="§5.5: cross-testing on CIFAR-10 (JPEG), with batch norm",
            claim="The regularized discriminator recognises the unregularized GAN's samples (cross-testing"
            " FP 0.0), the unregularized one takes the regularized GAN's for real (1.0).",
            remark="With running averages a discriminator knows the samples of its own generator as it is at"
            " that very step, and takes most of all else for real: its own generator's of some thousand"
            " steps before or after, the other's of any step, and noise. Unlike without normalization, how"
            " long it was trained hardly matters, and its method matters little: both regularized"
            " discriminators are fooled somewhat more than both unregularized ones; the unregularized ones"
            " call more test images generated. With the statistics of the batch, which is of test images"
            " only or of one generator's samples only, the same discriminators recognise most generated"
            " samples, but not all: one regularized discriminator still takes three quarters of the other"
            " regularized generator's for real, and one unregularized one calls half of the test images"
            " generated. So FP depends above all on the use of batch norm, and the paper does not say which"
            " use it had; and then on whether the samples are its own generator's of that very step. The"
            " published outcome, one discriminator fooled and the other not, is met under neither use. By"
            " texture both regularized generators are nearer to the data than both unregularized ones; the"
            " rule by FP names the others, by FN it would name them. Rounding to whole levels changes"
            " nothing.",
            analysis=imaging.crosstested_images, picture=cross_drawings.heat_map,
        ),
        Section(
            key="crosstest-cifar10-plain",
            heading="§5.5: cross-testing on CIFAR-10 (JPEG), without normalization",
            claim="As with batch norm; without it a discriminator judges in one mode only.",
            remark="The method is hardly to be seen. Of the pairs of an unregularized and a regularized run"
            " one gives nearly the paper's outcome turned round, one has both discriminators fooled by"
            " almost all of each other's samples, and in two neither is: had one run of each been trained,"
            " the table could have named either method. Along training the steps decide: a later"
            " discriminator sees through most generators, a later generator fools most discriminators of its"
            " past, and the discriminator that wins is the one that has been trained for longer. Rounding to"
            " whole levels changes nothing here.",
            analysis=imaging.crosstested_images, picture=cross_drawings.heat_map,
        ),
        Section(
            key="noise-digits", heading="§5.4, Figs. 4 and 9: explicit noise, on the digits",
            claim="The regularizer stabilizes across a broad range of levels and makes better images than"
            " the unregularized GAN and than explicit noise.",
            remark="The unregularized GAN does not fail on the digits within these steps, so there is"
            " nothing for a regularizer to save: small levels of γ leave it as it is, the largest costs"
            " quality. Explicit noise costs more the more there is of it, and at most levels more again at a"
            " higher ratio of noise to signal, which leaves fewer distinct samples in a batch; the"
            " discriminators it makes are taken in by others' samples. Noise for the discriminator alone is"
            " no remedy. So far as the claim is that the regularizer is to be preferred to noise of the same"
            " level, the means agree with it. WGAN-GP is nearest to the data, at five critic updates for"
            " each of the generator's; its critics make no decisions and judge nobody. The cross-test's"
            " order of the generators is much that of the distances, but for WGAN-GP.",
            analysis=crossing.ranked, picture=cross_drawings.method_map, sheets=("fig4", "fig9"),
        ),
        Section(
            key="noise-cifar10", heading="§5.4, Fig. 4: explicit noise, on CIFAR-10 (JPEG)",
            claim="As on the digits.",
            remark="None of these runs fails, and there is one of each. The larger γ makes the best samples"
            " of the f-GANs by both distances, and the only discriminator here that is not blind; it is"
            " taken in least, but calls the most test images generated. The smaller γ, the one of the"
            " paper's cross-test, is no different from none by coarse distance and worse by texture."
            " Explicit noise, at the one level tried, makes both distances worse: its samples bear a pattern"
            " of spots. LSGAN is no better than the unregularized GAN. WGAN-GP is by far the nearest to the"
            " data, at five critic updates for each of the generator's. The cross-test sees next to nothing"
            " of this: with running averages nearly all judges are blind and take half or more of any other"
            " generator's samples for real, and too few are left to rank by. The one that is not blind"
            " recognises most of the spotted samples, but takes more than half of all others' for real.",
            analysis=imaging.ranked_images, picture=cross_drawings.method_map, sheets=("fig4",),
        ),
        Section(
            key="fig2", heading="§5.2, Figs. 2 and 7: four networks",
            claim="ResNet, DCGAN, DCGAN without normalization and DCGAN with tanh all train with the"
            " regularizer, γ₀ = 2.0 annealed, where unregularized ones fail.",
            remark="Within so few steps no network fails by this measure, with the regularizer or without"
            " it: every run is alive at its last saved step, one of each and at small width. The measure is"
            " lenient, and the samples say more. The unregularized ResNet has come down to a few kinds of"
            " images and its distance grows again; the regularized one makes many. With DCGAN the"
            " regularized run is the nearer one by both distances as well; with tanh they end alike by"
            " coarse distance, the regularized one somewhat behind by texture. Without normalization neither"
            " has learnt much: the unregularized run crosses the line to and fro, the regularized one gets"
            " below it at its last saved step only, and barely keeps the spread that counts as alive. Its"
            " samples are grey with a few stains, by texture far the worse of the two. WGAN-GP is the"
            " nearest with every network, in about five times the unregularized run's time, and the only one"
            " without normalization that gets steadily nearer.",
            analysis=imaging.images, picture=drawings.lives, sheets=("fig2", "fig7"),
        ),
        Section(
            key="fig3", heading="Fig. 3 and §7.4: the initial level γ₀, and the learning rate",
            claim="Regularized GANs make better images at every γ₀; of learning rates between 1e-4 and"
            " 1e-3, 2e-4 was best.",
            remark="The clearest yes among the images: at the last saved step every regularized run is"
            " nearer to the data by both distances than the unregularized one of its learning rate,"
            " whichever of the three it is. Earlier in training it often is not, and there is one run of"
            " each, for few steps and at small width, with DCGAN where the figure has a ResNet. No run"
            " fails. By coarse distance the largest rate is ahead for all methods but one, perhaps because"
            " so short a training favours large steps; by texture it is last for all but the largest γ₀. The"
            " samples below are those of the paper's rate.",
            analysis=imaging.images, picture=drawings.lives, sheets=("fig3",),
        ),
    )
}  # fmt: skip
