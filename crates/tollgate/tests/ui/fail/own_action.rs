use tollgate::prelude::*;

#[resource(plural = "tasks")]
pub struct Task {
    #[id]
    pub task_id: i32,
    pub done: bool,
}

pub struct Finish;

impl Action for Finish {
    const NAME: &'static str = "finish";
}

impl Implies<Update> for Finish {}

async fn finish(may: May<Finish, Task>, tasks: Store<Task>, Path(id): Path<i32>) -> Result<Json<Task>> {
    Ok(Json(tasks.set(&may, id, Task::DONE.to(true)).await?))
}

async fn implied(may: May<Finish, Task>, tasks: Store<Task>, Path(id): Path<i32>) -> Result<NoContent> {
    tasks.set(&may.implied(), id, Task::DONE.to(true)).await?;
    tasks.delete(&may.implied(), id).await?;
    Ok(NoContent)
}

fn main() {}
