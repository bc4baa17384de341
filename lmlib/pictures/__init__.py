"""Pictures and words in one stream: a GPT that says, paints and answers, matchers of both, and digits as tokens."""
