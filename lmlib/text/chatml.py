"""The chat template: how a conversation becomes one text that a language model can carry on.

A chat model is a language model that read conversations in one fixed form. ChatML writes each message as

    <|im_start|>user
    Who are you?<|im_end|>

and then begins the answer, `<|im_start|>assistant`; the model writes on until it writes `<|im_end|>`.
"""

import re
from dataclasses import dataclass

START, STOP = "<|im_start|>", "<|im_end|>"


@dataclass(frozen=True)
class ChatML:
    """Messages, dicts such as {"role": "user", "content": "Hello"}, as text or as ids.

    `system` is the system message of a conversation that begins with none; None: there is none. With
    `answer=True` the beginning of the assistant's answer stands at the end. Raises ValueError for a message that
    lacks its role or content.
    """

    system: str | None = None

    @classmethod
    def from_jinja(cls, template):
        """The ChatML of a model's own template, a program in Jinja: its default system message stands in there."""
        if START not in template or STOP not in template:
            raise ValueError(f"this chat template is not ChatML: {template[:60]!r} names no {START}")
        default = re.search(re.escape(START) + "system\n(.*?)" + re.escape(STOP), template, re.DOTALL)
        return cls(default[1] if default else None)

    def render(self, messages, answer=True):
        """The conversation as one text."""
        text = "".join(f"{START}{inside}{STOP}\n" for inside in self._insides(messages))
        return text + (f"{START}assistant\n" if answer else "")

    def encode(self, tokenizer, messages, answer=True):
        """The conversation in the ids of a `PublishedTokenizer`.

        Only the template makes special tokens. So a message that holds `<|im_end|>` cannot pass for two messages.
        """
        start, stop, ids = tokenizer.specials[START], tokenizer.specials[STOP], []
        for inside in self._insides(messages):
            ids += [start, *tokenizer.encode(inside), stop, *tokenizer.encode("\n")]
        return ids + ([start, *tokenizer.encode("assistant\n")] if answer else [])

    def _insides(self, messages):
        """What stands between the two marks of each message, the default system message first where it is due."""
        for message in messages:
            if not {"role", "content"} <= set(message):
                raise ValueError(
                    f"a message has a 'role' and a 'content', this one has {', '.join(message) or 'none'}"
                )
        if self.system is not None and messages and messages[0]["role"] != "system":
            messages = [{"role": "system", "content": self.system}, *messages]
        return [f"{m['role']}\n{m['content']}" for m in messages]
