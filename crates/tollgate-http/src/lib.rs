//! The edge: handlers, documents, pages, pipeline, server

pub mod pages;
