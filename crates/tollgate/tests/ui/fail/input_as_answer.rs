use tollgate::prelude::*;

#[input]
pub struct Wanted {
    pub year: i32,
}

async fn wanted(_: Public, Json(wanted): Json<Wanted>) -> Json<Wanted> {
    Json(wanted)
}

fn main() {
    let _ = Service::new("movies").post("/wanted", wanted);
}
