//! Swagger UI's files, packed as every browser takes them (RFC 1952).
//!
//! The crate `swagger-ui-dist` holds them unpacked, with maps for whoever debugs them: eight times as much, in each binary.
//! So they lie here packed; a test holds them against that crate, and packs them anew where `UPDATE_EXPECT` is set.

use axum::{Router, http::header, response::IntoResponse, routing::get};

struct File {
    path: &'static str,
    media_type: &'static str,
    packed: &'static [u8],
}

const FILES: [File; 4] = [
    File {
        path: "/docs/assets/swagger-ui-bundle.js",
        media_type: "text/javascript",
        packed: include_bytes!("../../assets/swagger-ui/swagger-ui-bundle.js.gz"),
    },
    File {
        path: "/docs/assets/swagger-ui.css",
        media_type: "text/css",
        packed: include_bytes!("../../assets/swagger-ui/swagger-ui.css.gz"),
    },
    File {
        path: super::REDIRECT_PATH,
        media_type: "text/html",
        packed: include_bytes!("../../assets/swagger-ui/oauth2-redirect.html.gz"),
    },
    File {
        path: "/docs/assets/oauth2-redirect.js",
        media_type: "text/javascript",
        packed: include_bytes!("../../assets/swagger-ui/oauth2-redirect.js.gz"),
    },
];

/// The files below `/docs/assets/`. Whoever does not unpack them has no use for them.
pub(super) fn router() -> Router {
    FILES.into_iter().fold(Router::new(), |router, file| {
        let headers = [(header::CONTENT_TYPE, file.media_type), (header::CONTENT_ENCODING, "gzip")];
        router.route(file.path, get(async move || (headers, file.packed).into_response()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{body::to_bytes, extract::Request};
    use flate2::{Compression, read::GzDecoder, write::GzEncoder};
    use std::{env, fs, io::Read, io::Write};
    use swagger_ui_dist::{ApiDefinition, OpenApiSource};
    use tower::ServiceExt;

    async fn unpacked(path: &str) -> Vec<u8> {
        let source = OpenApiSource::Uri("/openapi.json");
        let definition = ApiDefinition { uri_prefix: "/docs/assets", api_definition: source, title: None };
        let request = Request::get(path).body(axum::body::Body::empty()).unwrap();
        let answer = swagger_ui_dist::generate_routes(definition).oneshot(request).await.unwrap();
        to_bytes(answer.into_body(), usize::MAX).await.unwrap().into()
    }

    #[tokio::test]
    async fn what_is_packed_is_what_the_crate_holds() {
        for file in FILES {
            let (mut ours, theirs) = (vec![], unpacked(file.path).await);
            GzDecoder::new(file.packed).read_to_end(&mut ours).unwrap();
            if ours != theirs && env::var_os("UPDATE_EXPECT").is_some() {
                let mut packed = GzEncoder::new(vec![], Compression::best());
                packed.write_all(&theirs).unwrap();
                let name = file.path.rsplit('/').next().unwrap();
                let place = format!("{}/assets/swagger-ui/{name}.gz", env!("CARGO_MANIFEST_DIR"));
                fs::write(place, packed.finish().unwrap()).unwrap();
            } else {
                assert!(ours == theirs, "{} is another: run this test with UPDATE_EXPECT=1", file.path);
            }
        }
    }
}
