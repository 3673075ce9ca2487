"""torchvision's ResNet-18 from scratch: random crops and mirroring, SGD with one cycle, the best epoch is kept.

torchvision_resnet.py train PHOTOS MODEL EPOCHS, or torchvision_resnet.py predict MODEL FOLDER
"""

import sys
from pathlib import Path

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, models
from torchvision.transforms import v2

SIZE = 96
TO_TENSOR = [
    v2.ToImage(),
    v2.ToDtype(torch.float32, scale=True),
    v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
]
FOR_TRAINING = v2.Compose([v2.RandomResizedCrop(SIZE, (0.35, 1)), v2.RandomHorizontalFlip(), *TO_TENSOR])
FOR_TESTING = v2.Compose([v2.Resize(110), v2.CenterCrop(SIZE), *TO_TENSOR])


def train(photos, out, epochs):
    torch.manual_seed(0)
    train = datasets.ImageFolder(f"{photos}/train", FOR_TRAINING)
    validation = datasets.ImageFolder(f"{photos}/validation", FOR_TESTING)
    loader = DataLoader(train, batch_size=32, shuffle=True, num_workers=2, persistent_workers=True)
    model = models.resnet18(num_classes=len(train.classes))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.05, epochs=int(epochs), steps_per_epoch=len(loader)
    )
    loss, best = nn.CrossEntropyLoss(label_smoothing=0.1), -1
    for epoch in range(int(epochs)):
        model.train()
        for pictures, labels in loader:
            optimizer.zero_grad()
            loss(model(pictures), labels).backward()
            optimizer.step()
            schedule.step()
        model.eval()
        with torch.inference_mode():
            batches = DataLoader(validation, batch_size=64)
            right = sum((model(pictures).argmax(1) == labels).sum().item() for pictures, labels in batches)
        print(f"epoch {epoch + 1}: {right / len(validation):.3f}", flush=True)
        if right > best:
            best = right
            torch.save({"classes": train.classes, "weights": model.state_dict()}, out)


class Photos:
    def __init__(self, paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        return FOR_TESTING(Image.open(self.paths[i]).convert("RGB"))


def predict(out, folder):
    saved = torch.load(out)
    model = models.resnet18(num_classes=len(saved["classes"]))
    model.load_state_dict(saved["weights"])
    model.eval()
    paths = sorted(Path(folder).iterdir())
    with torch.inference_mode():
        for i, pictures in enumerate(DataLoader(Photos(paths), batch_size=32, num_workers=len(paths) > 32)):
            for path, label in zip(paths[32 * i :], model(pictures).argmax(1), strict=False):
                print(path, saved["classes"][label], sep="\t")


if __name__ == "__main__":
    {"train": train, "predict": predict}[sys.argv[1]](*sys.argv[2:])
