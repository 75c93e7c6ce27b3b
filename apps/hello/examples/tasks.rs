//! Tasks: an action of the app's own. Whoever may finish a task need not be allowed to change it otherwise.
use tollgate::prelude::*;

/// Something to be done.
#[resource(plural = "tasks")]
struct Task {
    #[id(generated)]
    task_id: i64,
    #[garde(length(min = 1, max = 200))]
    title: String,
    /// Whether it is done; finishing it says so, and nobody sends it.
    #[read_only]
    done: bool,
}

/// Finishing a task: `finish:tasks`, in roles and tokens.
struct Finish;

impl Action for Finish {
    const NAME: &'static str = "finish";
}

/// It changes the row, so a handler that may finish a task can make the permission to change it of its own.
impl Implies<Update> for Finish {}

/// Finishes a task.
async fn finish(may: May<Finish, Task>, tasks: Store<Task>, Path(id): Path<i64>) -> Result<Json<Task>> {
    Ok(Json(tasks.set(&may.implied(), id, Task::DONE.to(true)).await?))
}

/// Planners write tasks down, workers read and finish them.
const ROLES: &str = r#"
[access.roles]
planner = ["read:tasks", "create:tasks", "update:tasks", "delete:tasks"]
worker = ["read:tasks", "finish:tasks"]
"#;

fn main() -> tollgate::Exit {
    let tasks = service!("tasks").crud::<Task>("/tasks").post("/tasks/{task_id}/finish", finish);
    App::new("tasks").settings(ROLES).service(tasks).main()
}
