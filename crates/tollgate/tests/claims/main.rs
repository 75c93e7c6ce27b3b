//! What Tollgate promises at its edge, claim by claim: to whoever writes a service, and to whoever calls one.

#[cfg(test)]
mod audit;
#[cfg(test)]
mod backends;
#[cfg(test)]
mod bodies;
#[cfg(test)]
mod cache;
#[cfg(test)]
mod choices;
#[cfg(test)]
mod compile;
#[cfg(test)]
mod document;
#[cfg(test)]
mod etags;
#[cfg(test)]
mod ground;
#[cfg(test)]
mod guards;
#[cfg(test)]
mod hang_up;
#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod inputs;
#[cfg(test)]
mod issuers;
#[cfg(test)]
mod kinds;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod live;
#[cfg(test)]
mod live_crowd;
#[cfg(test)]
mod origins;
#[cfg(test)]
mod panics;
#[cfg(test)]
mod problems;
#[cfg(test)]
mod queries;
#[cfg(test)]
mod services;
#[cfg(test)]
mod settings;
