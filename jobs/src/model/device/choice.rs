//! Which device a process computes on.

use std::str::FromStr;

use candle_core::Device;
use empiric_schema::job::DEVICE_VARIABLE;

/// Where a model's weights lie while it answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// Main memory, in hand-written loops.
    #[default]
    Cpu,
    /// A CUDA device by its place among those that `CUDA_VISIBLE_DEVICES` lets the process see, from 0.
    Cuda(usize),
}

/// Why a device cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DeviceError {
    /// The choice is none.
    #[error("`{DEVICE_VARIABLE}` is `{0}`; expected cpu, cuda, or cuda:N with a number from 0")]
    Unknown(String),
    /// The program knows no CUDA.
    #[error(
        "`{0}` was asked for, but this program was built without CUDA; build it with `cargo build --release --features cuda` on a machine with the CUDA toolkit (the project's own tests have not run that path on a GPU), or ask for `resources.accelerators: none`"
    )]
    NotBuilt(DeviceChoice),
    /// The driver does not give the device.
    #[error(
        "`{choice}` cannot be opened: {reason}; `nvidia-smi` lists devices and says whether the driver works"
    )]
    Unusable {
        /// What was asked for.
        choice: DeviceChoice,
        /// The driver's answer.
        reason: String,
    },
}

impl DeviceChoice {
    /// What [`DEVICE_VARIABLE`] says; main memory where it is not set.
    ///
    /// # Errors
    /// It names no device, or one that this program was not built for.
    pub fn from_environment() -> Result<Self, DeviceError> {
        let Some(text) = std::env::var_os(DEVICE_VARIABLE) else {
            return Ok(Self::default());
        };
        text.to_string_lossy().parse::<Self>()?.built()
    }

    /// The choice itself, if this program was built for it.
    ///
    /// # Errors
    /// It was not.
    pub fn built(self) -> Result<Self, DeviceError> {
        match self {
            Self::Cuda(_) if !cfg!(feature = "cuda") => Err(DeviceError::NotBuilt(self)),
            choice => Ok(choice),
        }
    }

    /// The device; none for main memory, where the loops need none.
    ///
    /// # Errors
    /// The program was not built for it, or the driver does not give it.
    pub fn open(self) -> Result<Option<Device>, DeviceError> {
        match self.built()? {
            Self::Cpu => Ok(None),
            Self::Cuda(ordinal) => match Device::new_cuda(ordinal) {
                Ok(device) => Ok(Some(device)),
                Err(error) => Err(DeviceError::Unusable { choice: self, reason: error.to_string() }),
            },
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let ordinal = match text {
            "cpu" => return Ok(Self::Cpu),
            "cuda" => "0",
            other => other.strip_prefix("cuda:").unwrap_or_default(),
        };
        let is_number = !ordinal.is_empty() && ordinal.bytes().all(|byte| byte.is_ascii_digit());
        let ordinal = if is_number { ordinal.parse().ok() } else { None };
        ordinal.map(Self::Cuda).ok_or_else(|| DeviceError::Unknown(text.to_owned()))
    }
}

impl std::fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(ordinal) => write!(f, "cuda:{ordinal}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named_as_people_name_them() {
        let parse = |text: &str| text.parse::<DeviceChoice>().ok();
        assert_eq!(parse("cpu"), Some(DeviceChoice::Cpu));
        assert_eq!(parse("cuda"), Some(DeviceChoice::Cuda(0)));
        assert_eq!(parse("cuda:12"), Some(DeviceChoice::Cuda(12)));
        for wrong in
            ["", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:+1", "cuda: 1", "cuda:99999999999999999999"]
        {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        let error = "gpu".parse::<DeviceChoice>().unwrap_err().to_string();
        assert!(error.contains("`EMPIRIC_DEVICE` is `gpu`; expected cpu, cuda, or cuda:N"), "{error}");
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_program_without_cuda_says_how_to_build_one() {
        assert_eq!(DeviceChoice::Cpu.built().unwrap(), DeviceChoice::Cpu);
        let error = DeviceChoice::Cuda(1).open().unwrap_err().to_string();
        assert!(error.starts_with("`cuda:1` was asked for"), "{error}");
        assert!(error.contains("cargo build --release --features cuda"), "{error}");
        assert!(error.contains("have not run that path on a GPU"), "{error}");
    }
}
