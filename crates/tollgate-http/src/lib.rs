//! The edge: handlers, documents, pages, pipeline, server
