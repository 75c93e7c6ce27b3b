//! What the dashboards show.

mod databases;
mod identity;
mod process;
mod requests;

use super::model::{Dashboard, Panel, Row, Unit};

type Queries<'q> = &'q [(&'static str, &'static str)];

pub(super) fn dashboards() -> [Dashboard; 4] {
    [requests::requests(), databases::databases(), identity::identity(), process::process()]
}

fn row(title: &'static str, panels: impl Into<Vec<Panel>>) -> Row {
    Row { title, panels: panels.into() }
}

fn panel(title: &'static str, about: &'static str, unit: Unit, queries: Queries<'_>) -> Panel {
    Panel { title, about, unit, queries: queries.to_vec() }
}
