"""Symptoms to diagnoses, in words: of a data set, of a network, of a training run."""

from unet_lab.doctor.data_checks import examine_data
from unet_lab.doctor.findings import Finding, Findings, RunFindings
from unet_lab.doctor.observing import observe
from unet_lab.doctor.run_checks import examine_model, examine_run
from unet_lab.doctor.symptoms import Symptoms

__all__ = ["Finding", "Findings", "RunFindings", "Symptoms", "examine_data", "examine_model", "examine_run", "observe"]
