//! What a part of a context is: its category and its name. Parts of the same item are one line of a bill.

/// What kind of thing takes room in a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Category {
    /// The definition of a tool.
    Tool,
    /// The client's billing line at the head of the system prompt.
    Attribution,
    /// A block of the system prompt.
    System,
    /// What the client tells the model in a message of the role `system`.
    SystemMessage,
    /// A file of instructions (`CLAUDE.md`, …) that the client put in.
    Instructions,
    /// Whatever else the client put in as a `<system-reminder>`.
    Reminder,
    /// What a person or a parent agent wrote.
    UserText,
    /// What a tool gave back.
    ToolResult,
    /// What the model wrote earlier in the conversation.
    AssistantText,
    /// What the model thought earlier.
    Thinking,
    /// The input of the tools that the model called earlier.
    ToolInput,
    /// An image beside the results of tools.
    Image,
    /// A document likewise.
    Document,
    /// A block that is not known here.
    Other,
    /// The answer itself.
    Answer,
    /// Searches of the API, paid by the piece.
    ServerTools,
}

impl Category {
    /// Its name in the API.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Category::Tool => "tool",
            Category::Attribution => "attribution",
            Category::System => "system",
            Category::SystemMessage => "system_message",
            Category::Instructions => "instructions",
            Category::Reminder => "reminder",
            Category::UserText => "user_text",
            Category::ToolResult => "tool_result",
            Category::AssistantText => "assistant_text",
            Category::Thinking => "thinking",
            Category::ToolInput => "tool_input",
            Category::Image => "image",
            Category::Document => "document",
            Category::Other => "other",
            Category::Answer => "answer",
            Category::ServerTools => "server_tools",
        }
    }
}

/// One line of a bill.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Item {
    /// Its kind.
    pub(crate) category: Category,
    /// A tool's name, a file's path, the number and first words of a system block; empty where the category says it all.
    pub(crate) name: String,
    /// The MCP server that the tool belongs to.
    pub(crate) server: Option<String>,
}

impl Item {
    /// An item whose category says it all.
    pub(crate) fn of(category: Category) -> Item {
        Item { category, name: String::new(), server: None }
    }

    /// An item with a name that says nothing of a server.
    pub(crate) fn named(category: Category, name: impl Into<String>) -> Item {
        Item { category, name: name.into(), server: None }
    }

    /// What a tool defines, takes or gives; its name tells the server.
    pub(crate) fn of_tool(category: Category, name: &str) -> Item {
        Item { category, name: name.to_owned(), server: mcp_server(name).map(str::to_owned) }
    }
}

/// The server of `mcp__server__tool`.
pub(crate) fn mcp_server(tool: &str) -> Option<&str> {
    let (server, tool) = tool.strip_prefix("mcp__")?.split_once("__")?;
    (!server.is_empty() && !tool.is_empty()).then_some(server)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tools_name_tells_its_server() {
        for (name, server) in [
            ("mcp__github__list_issues", Some("github")),
            ("mcp__plugin_a_b__look__up", Some("plugin_a_b")),
            ("mcp__github", None),
            ("mcp____x", None),
            ("mcp__github__", None),
            ("Read", None),
        ] {
            assert_eq!(mcp_server(name), server, "{name}");
        }
    }
}
