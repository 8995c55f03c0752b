//! Sessions told beforehand: prompts, the tool calls that answer them and what the tools say. The API plays the
//! model's part of them, the demo the client's.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

/// One prompt and how it is worked on.
#[derive(Debug, Deserialize)]
pub(crate) struct Story {
    /// Whose it is; `agent` for a sub-agent's.
    pub(crate) project: String,
    pub(crate) prompt: String,
    pub(crate) turns: Vec<StoryTurn>,
    pub(crate) answer: String,
}

/// One answer with tool calls.
#[derive(Debug, Deserialize)]
pub(crate) struct StoryTurn {
    pub(crate) think: Option<String>,
    pub(crate) say: Option<String>,
    pub(crate) calls: Vec<Call>,
}

/// One tool call and its result; a sub-agent's result is what it answers.
#[derive(Debug, Deserialize)]
pub(crate) struct Call {
    pub(crate) tool: String,
    pub(crate) input: Value,
    #[serde(default)]
    pub(crate) result: String,
    #[serde(default)]
    pub(crate) is_error: bool,
}

static STORIES: LazyLock<Vec<Story>> =
    LazyLock::new(|| serde_json::from_str(include_str!("stories.json")).unwrap_or_default());

/// The story that starts with this prompt.
pub(crate) fn of_prompt(prompt: &str) -> Option<&'static Story> {
    STORIES.iter().find(|story| story.prompt == prompt)
}

/// A project's stories, in order.
pub(crate) fn of_project(project: &str) -> Vec<&'static Story> {
    STORIES.iter().filter(|story| story.project == project).collect()
}

/// The call of a story with this tool and input.
pub(crate) fn call<'a>(story: &'a Story, tool: &str, input: &Value) -> Option<&'a Call> {
    story.turns.iter().flat_map(|turn| &turn.calls).find(|call| call.tool == tool && call.input == *input)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_stories_are_readable_and_every_agent_has_its_own() {
        let stories = &super::STORIES;
        assert!(stories.len() > 8);
        let calls = stories.iter().flat_map(|story| &story.turns).flat_map(|turn| &turn.calls);
        for call in calls.filter(|call| call.tool == "Agent") {
            let prompt = call.input["prompt"].as_str().unwrap();
            assert!(super::of_prompt(prompt).is_some_and(|story| story.project == "agent"), "{prompt}");
        }
    }
}
