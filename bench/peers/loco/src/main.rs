//! The peer as a Loco application: its token, its middleware as it comes, and an entity of SeaORM.
//!
//! `loco-peer URL SECRET` reads the films of the peer by hand, listens on a free port of 127.0.0.1 and prints it.

use loco_rs::{
    Result,
    app::{AppContext, Hooks},
    bgworker::Queue,
    boot::{BootResult, ServeParams, StartMode, create_app, start},
    config::Config,
    controller::{AppRoutes, Routes},
    environment::Environment,
    prelude::{Path, Response, State, async_trait, auth, format, get},
    task::Tasks,
};
use sea_orm::EntityTrait;
use sea_orm_migration::{MigrationTrait, MigratorTrait};
use serde_json::json;

mod movies {
    use sea_orm::entity::prelude::*;
    use serde::Serialize;

    /// A film.
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize)]
    #[sea_orm(schema_name = "peer", table_name = "movies")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub movie_id: i32,
        pub title: String,
        pub released: i32,
        pub rating: f64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

async fn movie(jwt: auth::JWT, Path(id): Path<i32>, State(app): State<AppContext>) -> Result<Response> {
    let scopes = jwt.claims.claims.get("scope").and_then(|scope| scope.as_str()).unwrap_or_default();
    if !scopes.split(' ').any(|scope| scope == "read:movies") {
        return loco_rs::controller::unauthorized("not permitted");
    }
    match movies::Entity::find_by_id(id).one(&app.db).await? {
        Some(movie) => format::json(movie),
        None => loco_rs::controller::not_found(),
    }
}

/// The peer by hand has made the tables.
struct Nothing;

impl MigratorTrait for Nothing {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![]
    }
}

struct Peer;

#[async_trait]
impl Hooks for Peer {
    fn app_name() -> &'static str {
        "loco-peer"
    }

    async fn boot(mode: StartMode, environment: &Environment, config: Config) -> Result<BootResult> {
        create_app::<Self, Nothing>(mode, environment, config).await
    }

    async fn serve(app: axum::Router, _: &AppContext, _: &ServeParams) -> Result<()> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        Ok(axum::serve(listener, app.into_make_service_with_connect_info::<std::net::SocketAddr>()).await?)
    }

    fn routes(_: &AppContext) -> AppRoutes {
        AppRoutes::with_default_routes().add_route(Routes::new().add("/movies/{id}", get(movie)))
    }

    async fn connect_workers(_: &AppContext, _: &Queue) -> Result<()> {
        Ok(())
    }

    fn register_tasks(_: &mut Tasks) {}

    async fn truncate(_: &AppContext) -> Result<()> {
        Ok(())
    }

    async fn seed(_: &AppContext, _: &std::path::Path) -> Result<()> {
        Ok(())
    }
}

/// Sixteen connections, as many as the peer by hand has on four cores.
fn settings(url: &str, secret: &str) -> Result<Config> {
    Ok(serde_json::from_value(json!({
        "logger": { "enable": true, "level": "error", "format": "compact" },
        "server": { "port": 0, "host": "http://127.0.0.1" },
        "database": {
            "uri": url, "enable_logging": false, "min_connections": 16, "max_connections": 16,
            "connect_timeout": 5000, "idle_timeout": 60000,
        },
        "auth": { "jwt": { "secret": secret, "expiration": 3600 } },
    }))?)
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, secret] = &arguments[..] else { return Err(loco_rs::Error::string("usage: loco-peer URL SECRET")) };
    let config = settings(url, secret)?;
    let params = ServeParams { port: 0, binding: "127.0.0.1".into() };
    let booted = Peer::boot(StartMode::ServerOnly, &Environment::Production, config).await?;
    start::<Peer>(booted, params, true).await
}
