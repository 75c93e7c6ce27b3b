//! Where rows live: resources, filters, drivers, stores
