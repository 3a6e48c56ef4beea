"""How each method answers: one small class a method, which `i2i.translator.Translator` asks."""
