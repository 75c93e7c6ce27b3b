//! The files that pages refer to: style sheet, script, icon.
//!
//! Each address carries a hash of the content, so a browser may keep the file for ever and still gets the new one
//! with the page that needs it. Asked for under another hash (by a page of an older or newer instance, while one
//! replaces the other), the file is served but not kept: else the wrong content would stay under that address.

use aws_lc_rs::digest::{SHA256, digest};
use axum::{Router, extract::RawQuery, http::header, response::IntoResponse, routing::get};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use minijinja::value::{Object, Value};
use std::sync::{Arc, OnceLock};

#[derive(Debug)]
struct Asset {
    name: &'static str,
    path: &'static str,
    media_type: &'static str,
    content: &'static str,
    version: OnceLock<String>,
}

static ASSETS: [Asset; 3] = [
    Asset {
        name: "style",
        path: "/-/assets/tollgate.css",
        media_type: "text/css; charset=utf-8",
        content: include_str!("../../assets/tollgate.css"),
        version: OnceLock::new(),
    },
    Asset {
        name: "script",
        path: "/-/assets/tollgate.js",
        media_type: "text/javascript; charset=utf-8",
        content: include_str!("../../assets/tollgate.js"),
        version: OnceLock::new(),
    },
    Asset {
        name: "icon",
        path: "/-/assets/gate.svg",
        media_type: "image/svg+xml",
        content: include_str!("../../assets/gate.svg"),
        version: OnceLock::new(),
    },
];

impl Asset {
    /// `v=` and 72 bits of the content's SHA-256, which the first page is the first to need.
    fn version(&self) -> &str {
        self.version.get_or_init(|| {
            let hash = digest(&SHA256, self.content.as_bytes());
            format!("v={}", URL_SAFE_NO_PAD.encode(&hash.as_ref()[..9]))
        })
    }
}

/// The address of each asset, by its name in templates.
#[derive(Debug)]
pub(super) struct Addresses;

impl Object for Addresses {
    fn get_value(self: &Arc<Self>, name: &Value) -> Option<Value> {
        let asset = ASSETS.iter().find(|asset| name.as_str() == Some(asset.name))?;
        Some(Value::from_safe_string(format!("{}?{}", asset.path, asset.version())))
    }
}

/// Serves the style sheet, the script and the icon of the pages under `/-/assets/`.
pub fn assets<S: Clone + Send + Sync + 'static>() -> Router<S> {
    ASSETS.iter().fold(Router::new(), |router, asset| {
        let serve = async move |RawQuery(query): RawQuery| {
            let kept = query.as_deref() == Some(asset.version());
            let caching = if kept { "public, max-age=31536000, immutable" } else { "no-cache" };
            let headers = [(header::CONTENT_TYPE, asset.media_type), (header::CACHE_CONTROL, caching)];
            (headers, asset.content).into_response()
        };
        router.route(asset.path, get(serve))
    })
}
