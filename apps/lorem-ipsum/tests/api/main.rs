//! Lorem Ipsum, as its callers know it.

#[cfg(test)]
mod api_keys;
#[cfg(test)]
mod aws_emulator;
#[cfg(test)]
mod books;
#[cfg(test)]
mod both;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod browser_sign_in;
#[cfg(test)]
mod config;
#[cfg(test)]
mod console;
#[cfg(test)]
mod doors;
#[cfg(test)]
mod envoy;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod issuer;
#[cfg(test)]
mod kubernetes;
#[cfg(test)]
mod lambda_emulator;
#[cfg(test)]
mod live;
#[cfg(test)]
mod load;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod mongodb;
#[cfg(test)]
mod monitor;
#[cfg(test)]
mod movies;
#[cfg(test)]
mod oidc_provider;
#[cfg(test)]
mod openid_client;
#[cfg(test)]
mod origins;
#[cfg(test)]
mod pager;
#[cfg(test)]
mod patients;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod process;
#[cfg(test)]
mod provider_people;
#[cfg(test)]
mod schemathesis;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod services;
#[cfg(test)]
mod slow;
#[cfg(test)]
mod sockets;
#[cfg(test)]
mod starts;
#[cfg(test)]
mod telemetry;
#[cfg(test)]
mod together;
#[cfg(test)]
mod users;
#[cfg(test)]
mod walk;
