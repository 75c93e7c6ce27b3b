//! What a dashboard consists of, and how Grafana writes it.

use serde_json::{Value, json};

/// A dashboard: panels in rows, three of a row side by side.
pub(super) struct Dashboard {
    /// The file's name, and how Grafana knows it.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) rows: Vec<Row>,
}

/// Panels with something in common.
pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) panels: Vec<Panel>,
}

/// One picture.
pub(super) struct Panel {
    pub(super) title: &'static str,
    /// What it tells, and when to worry.
    pub(super) about: &'static str,
    pub(super) unit: Unit,
    /// Queries, each with the legend of its lines.
    pub(super) queries: Vec<(&'static str, &'static str)>,
}

/// In what it is measured.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    Count,
    PerSecond,
    Seconds,
    Share,
    Bytes,
}

impl Unit {
    /// Grafana's word for it.
    fn word(self) -> &'static str {
        match self {
            Self::Count => "short",
            Self::PerSecond => "cps",
            Self::Seconds => "s",
            Self::Share => "percentunit",
            Self::Bytes => "bytes",
        }
    }
}

/// Grafana divides a row into so many columns.
const COLUMNS: usize = 24;
const WIDTH: usize = COLUMNS / 3;
const HEIGHT: usize = 8;

impl Dashboard {
    pub(super) fn json(&self) -> Value {
        let (mut panels, mut y) = (vec![], 0);
        for row in &self.rows {
            let id = panels.len() + 1;
            let place = json!({ "h": 1, "w": COLUMNS, "x": 0, "y": y });
            panels.push(json!({ "id": id, "type": "row", "title": row.title, "collapsed": false, "gridPos": place }));
            for (index, panel) in row.panels.iter().enumerate() {
                let place = json!({ "h": HEIGHT, "w": WIDTH, "x": index % 3 * WIDTH, "y": y + 1 + index / 3 * HEIGHT });
                panels.push(panel.json(panels.len() + 1, &place));
            }
            y += 1 + row.panels.len().div_ceil(3) * HEIGHT;
        }
        json!({
            "uid": format!("tollgate-{}", self.name),
            "title": self.title,
            "tags": ["tollgate"],
            "schemaVersion": 39,
            "editable": true,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": { "from": "now-1h", "to": "now" },
            "templating": { "list": [source(), job()] },
            "panels": panels,
        })
    }
}

impl Panel {
    fn json(&self, id: usize, place: &Value) -> Value {
        let target = |(index, (query, legend)): (usize, &(&str, &str))| {
            let name = char::from(b'A' + u8::try_from(index).unwrap_or_default()).to_string();
            json!({ "refId": name, "expr": query, "legendFormat": legend, "datasource": of_source() })
        };
        let targets: Vec<_> = self.queries.iter().enumerate().map(target).collect();
        json!({
            "id": id,
            "type": "timeseries",
            "title": self.title,
            "description": self.about,
            "gridPos": place,
            "datasource": of_source(),
            "fieldConfig": { "defaults": { "unit": self.unit.word(), "min": 0 }, "overrides": [] },
            "options": {
                "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] },
                "tooltip": { "mode": "multi", "sort": "desc" },
            },
            "targets": targets,
        })
    }
}

fn of_source() -> Value {
    json!({ "type": "prometheus", "uid": "${source}" })
}

/// Which Prometheus.
fn source() -> Value {
    json!({ "name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus" })
}

/// Which app, as the scrape configuration calls it.
fn job() -> Value {
    json!({
        "name": "job",
        "label": "App",
        "type": "query",
        "datasource": of_source(),
        "query": { "query": "label_values(tollgate_app_info, job)", "refId": "job" },
        "refresh": 2,
    })
}
