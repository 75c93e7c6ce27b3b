#![allow(missing_docs, dead_code)]
use std::sync::Arc;
use tollgate_core::*; use tollgate_access::*; use tollgate_store::*; use tollgate_http::*;
pub struct IdentityConfig { pub issuer: String, pub audience: String, pub title: String, pub access_token_minutes: u32, pub session_hours: u32, pub password_grant: bool, pub roles: Arc<Roles>, pub default_role: Option<String> }
pub struct Identity;
pub struct User { pub email: String, pub roles: String }
#[derive(Debug, thiserror::Error)] #[error("x")] pub struct IdError;
struct A(Arc<Roles>);
impl Authenticate for Stub { fn identify<'a>(&'a self, _: &'a http::request::Parts) -> Identified<'a> { Box::pin(async { Ok(tollgate_access::Identity::anyone().into()) }) } }
struct Stub;
impl Identity {
 pub async fn start(_: IdentityConfig, _: Arc<dyn Database>, _: Arc<dyn Clock>, _: Arc<pages::Pages>) -> std::result::Result<Self, IdError> { Ok(Self) }
 pub fn tables() -> Vec<&'static Table> { vec![] }
 pub fn authenticator(&self) -> Arc<dyn Authenticate> { Arc::new(Stub) }
 pub fn router(&self) -> axum::Router { axum::Router::new() }
 pub async fn create_user(&self, _: &str, _: &str, _: &Secret, _: &[String]) -> std::result::Result<User, IdError> { Err(IdError) }
 pub async fn ensure_demo_user(&self, _: &str, _: &str, _: &Secret, _: &[String]) -> std::result::Result<(), IdError> { Ok(()) }
 pub async fn issue_token(&self, _: &str) -> std::result::Result<String, IdError> { Err(IdError) }
}
pub fn service() -> Service { Service::new("identity") }
