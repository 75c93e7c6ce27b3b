//! The dashboards, read by Grafana's own library.

use super::workspace;
use std::process::Command;
use tollgate_testing::servers::GRAFANA_SDK;

/// What it reads is what the file says: no panel and no query gets lost.
const READ: &str = r#"
import json, sys
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
register_default_plugins()
for file in sys.argv[1:]:
    written = json.load(open(file))
    read = Dashboard.from_json(written)
    assert read.uid == written["uid"] and len(read.panels) == len(written["panels"]), file
    for panel, said in zip(read.panels, written["panels"]):
        wanted = [target["expr"] for target in said.get("targets", [])]
        assert [target.expr for target in getattr(panel, "targets", None) or []] == wanted, panel.title
    print(read.title)
"#;

#[test]
fn grafana_reads_the_dashboards() {
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", GRAFANA_SDK.folder()).args(["-c", READ]);
    let names = ["requests", "databases", "identity", "process"];
    python.args(names.map(|name| workspace(&format!("infra/grafana/{name}.json"))));
    let output = python.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), names.len());
}
